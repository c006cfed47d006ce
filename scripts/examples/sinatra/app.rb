# Install: bundle config set --local path vendor/bundle && bundle install
# Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi.
require "sinatra"

# Who asks, and for which address, Rack believes proxy.cgi; the folder it has to
# be told.
before { env["SCRIPT_NAME"] = env["HTTP_X_FORWARDED_PREFIX"].to_s }

helpers { def h(text) = Rack::Utils.escape_html(text) }

get "/" do
  @name = request.cookies["name"] || "stranger"
  erb :home
end

post "/" do
  response.set_cookie "name", value: params["name"], path: "/", secure: request.ssl?, httponly: true, same_site: :lax
  redirect to("/"), 303
end

__END__

@@ home
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sinatra</title>
<h1>Hello, <%= h @name %>!</h1>
<form method="post">
  <label>Your name: <input name="name" required></label>
  <button>Send</button>
</form>
<dl>
  <dt>address</dt><dd><%= h request.url %></dd>
  <dt>client</dt><dd><%= h request.ip %></dd>
  <dt>prefix</dt><dd><%= h request.script_name %></dd>
</dl>
</html>
