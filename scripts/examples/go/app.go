// Install: CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build -o app app.go
// Edit: START_DIR in .htcgiproxy, which goes beside proxy.cgi.
package main

import (
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"
)

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Go</title>
<h1>Hello, {{.Name}}!</h1>
<form method="post">
  <label>Your name: <input name="name" required></label>
  <button>Send</button>
</form>
<dl>
  <dt>address</dt><dd>{{.Address}}</dd>
  <dt>client</dt><dd>{{.Client}}</dd>
  <dt>prefix</dt><dd>{{.Prefix}}</dd>
</dl>
</html>
`))

func main() {
	http.HandleFunc("GET /{$}", home)
	http.HandleFunc("POST /{$}", greet)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// home shows who asks, and for which address, as proxy.cgi says it.
func home(w http.ResponseWriter, r *http.Request) {
	name := "stranger"
	if cookie, err := r.Cookie("name"); err == nil {
		name, _ = url.QueryUnescape(cookie.Value)
	}
	prefix := r.Header.Get("X-Forwarded-Prefix")
	err := page.Execute(w, map[string]string{
		"Name":    name,
		"Address": r.Header.Get("X-Forwarded-Proto") + "://" + r.Host + prefix + r.RequestURI,
		"Client":  r.Header.Get("X-Real-IP"),
		"Prefix":  prefix,
	})
	if err != nil {
		log.Print(err)
	}
}

func greet(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name:     "name",
		Value:    url.QueryEscape(r.PostFormValue("name")),
		Path:     "/", // proxy.cgi puts the prefix before it
		Secure:   r.Header.Get("X-Forwarded-Proto") == "https",
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
