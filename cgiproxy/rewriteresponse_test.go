package cgiproxy

import (
	"net/http"
	"slices"
	"testing"
)

func TestRewriteRefresh(t *testing.T) {
	tests := []struct {
		name, value, want string
	}{
		{"no URL", "5", "5"},
		{"lower case", "5; url=/a", "5; url=/sub/a"},
		{"upper case", "0;URL=/a", "0;URL=/sub/a"},
		{"own address", "0; url=http://localhost:6543/a", "0; url=https://example.com/sub/a"},
		{"own address without a path", "0; url=http://localhost:6543 ", "0; url=https://example.com/sub "},
		{"a URL in the URL", "0; url=https://other.example/?url=/a", "0; url=https://other.example/?url=/a"},
		{"a fraction of a second", "0.5; url=/a", "0.5; url=/sub/a"},
		{"a fraction without a digit before", ".5.;url=/a", ".5.;url=/sub/a"},
		{"empty", "0; url=", "0; url="},
		{"8-bit bytes", "0; url=/\xe9\u023a", "0; url=/sub/\xe9\u023a"},

		{"single quotes", "0; url='/a'", "0; url='/sub/a'"},
		{"double quotes", `0; url="/a"`, `0; url="/sub/a"`},
		{"text behind the quotes", "0; url='/a'; foo", "0; url='/sub/a'; foo"},
		{"text behind an address in quotes", "0; url='http://localhost:6543'; foo", "0; url='https://example.com/sub'; foo"},
		{"the other quote within", `0; url="/it's"`, `0; url="/sub/it's"`},
		{"quote that does not end", "0; url='/a", "0; url='/sub/a"},
		{"quote alone", "0; url='", "0; url='"},
		{"nothing in quotes", "0; url=' '", "0; url=' '"},
		{"quotes without url", "0; '/a' b", "0; '/sub/a' b"},
		{"quote within", "0; url=/it's", "0; url=/sub/it's"},

		{"blanks", "0; url= /a ", "0; url= /sub/a "},
		{"blanks around the equals sign", "5; url = /x", "5; url = /sub/x"},
		{"blanks before it", "\t5 ;\turl=/x", "\t5 ;\turl=/sub/x"},
		{"blanks in quotes", "5; url=' /x '", "5; url=' /sub/x '"},

		{"no url", "0;/x", "0;/sub/x"},
		{"comma", "0, /x", "0, /sub/x"},
		{"comma and url", "0,url=/x", "0,url=/sub/x"},
		{"blank alone", "0 /x", "0 /sub/x"},
		{"no url, but one in the query", "5; /login?url=/x", "5; /sub/login?url=/x"},
		{"semicolon in the URL", "5; /a;b=/c", "5; /sub/a;b=/c"},
		{"two semicolons", "5;; url=/a", "5;; url=/a"}, // relative: "; url=/a"
		{"url without an equals sign", "5; url/a", "5; url/a"},
		{"a name that starts with url", "5; urls=/a", "5; urls=/a"},

		{"no time", "; url=/a", "; url=/a"},
		{"no number", "now; url=/a", "now; url=/a"},
		{"negative", "-1; url=/a", "-1; url=/a"},
		{"text behind the number", "5s; url=/a", "5s; url=/a"},
		{"nothing", "", ""},
		{"8-bit byte before it", "\x80url=/a", "\x80url=/a"},
	}
	m := reverseMapping{app: &configure(t).Upstream, host: "example.com", public: publicURL{scheme: "https", host: "example.com", prefix: "/sub"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{"Refresh": {tt.value}}
			m.rewriteResponse(h)
			if got := h.Get("Refresh"); got != tt.want {
				t.Errorf("Refresh %q\n got %q\nwant %q", tt.value, got, tt.want)
			}
		})
	}
}

func TestRewriteCookie(t *testing.T) {
	const app, base = "6543", "http://127.0.0.1:6543/base"
	tests := []struct {
		name, upstream, prefix string
		cookie, want           string
	}{
		{"no prefix", app, "", "a=b; Path=/; HttpOnly", "a=b; Path=/; HttpOnly"},
		{"no path", app, "/sub", "a=b; HttpOnly", "a=b; HttpOnly"},
		{"root", app, "/sub", "a=b; Path=/; HttpOnly", "a=b; Path=/sub; HttpOnly"}, // /sub/ would leave out /sub
		{"path", app, "/sub", "a=b; Path=/x; Secure", "a=b; Path=/sub/x; Secure"},
		{"path with a slash at the end", app, "/sub", "a=b; Path=/x/", "a=b; Path=/sub/x/"},
		{"has the prefix", app, "/sub", "a=b; Path=/sub", "a=b; Path=/sub"},
		{"is below the prefix", app, "/sub", "a=b; Path=/sub/x", "a=b; Path=/sub/x"},
		{"longer segment", app, "/sub", "a=b; Path=/subway", "a=b; Path=/sub/subway"},
		{"lower case, no blanks", app, "/sub", "a=b;path=/x;secure", "a=b;path=/sub/x;secure"},
		{"blanks around", app, "/sub", "a=b;  Path = /x ", "a=b;  Path =/sub/x"},
		{"empty path", app, "/sub", "a=b; Path=", "a=b; Path="},
		{"path that is none", app, "/sub", "a=b; Path=x", "a=b; Path=x"},
		{"path in the value", app, "/sub", "Path=/x; Domain=example.com", "Path=/x; Domain=example.com"},
		{"domain and dates stay", app, "/sub", "a=b; Domain=example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/; SameSite=Lax", "a=b; Domain=example.com; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/sub; SameSite=Lax"},
		{"__Host- needs the path /", app, "/sub", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"},
		{"__host- too", app, "/sub", "__host-a=b; Path=/; Secure", "__host-a=b; Path=/; Secure"},
		{"__Secure- does not", app, "/sub", "__Secure-a=b; Path=/; Secure", "__Secure-a=b; Path=/sub; Secure"},
		{"base", base, "", "a=b; Path=/base/x", "a=b; Path=/x"},
		{"base alone", base, "", "a=b; Path=/base", "a=b; Path=/"},
		{"base to prefix", base, "/sub", "a=b; Path=/base/x", "a=b; Path=/sub/x"},
		{"base alone to prefix", base, "/sub", "a=b; Path=/base", "a=b; Path=/sub"},
		{"base is the prefix", base, "/base", "a=b; Path=/", "a=b; Path=/"},
		{"8-bit bytes", app, "/sub", "a=\xe9; Path=/\xe9", "a=\xe9; Path=/sub/\xe9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := reverseMapping{app: &configure(t, "UPSTREAM="+tt.upstream).Upstream, host: "example.com", public: publicURL{scheme: "http", host: "example.com", prefix: tt.prefix}}
			h := http.Header{"Set-Cookie": {"first=1", tt.cookie, "last=1"}}
			m.rewriteResponse(h)
			if got, want := h["Set-Cookie"], []string{"first=1", tt.want, "last=1"}; !slices.Equal(got, want) {
				t.Errorf("app at %s, prefix %q, Set-Cookie: %s\n got %q\nwant %q", tt.upstream, tt.prefix, tt.cookie, got, want)
			}
		})
	}
}
