# Install: python3 -m venv venv && venv/bin/pip install flask gunicorn
# Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi.
from flask import Flask, redirect, render_template_string, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Flask</title>
<h1>Hello, {{ name }}!</h1>
<form method="post">
  <label>Your name: <input name="name" required></label>
  <button>Send</button>
</form>
<dl>
  <dt>address</dt><dd>{{ request.url }}</dd>
  <dt>client</dt><dd>{{ request.remote_addr }}</dd>
  <dt>prefix</dt><dd>{{ request.root_path }}</dd>
</dl>
</html>
"""

app = Flask(__name__)
# proxy.cgi says who asks, and for which address.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1)


@app.get("/")
def home():
    return render_template_string(PAGE, name=request.cookies.get("name", "stranger"))


@app.post("/")
def greet():
    response = redirect(url_for("home"), 303)
    response.set_cookie("name", request.form["name"], secure=request.is_secure, httponly=True, samesite="Lax")
    return response
