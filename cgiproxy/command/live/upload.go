package live

import (
	"bytes"
	"net/http"
	"strconv"
)

// uploadSize is more than mod_fcgid takes unless it is told to (128 KiB), and
// less than any other limit that is usual.
const uploadSize = 200 << 10

func upload(s *site) Finding {
	return s.upload(question{method: "POST", body: bytes.Repeat([]byte("0123456789"), uploadSize/10)})
}

// chunkedUpload has a size that fits everywhere: upload is for large ones.
func chunkedUpload(s *site) Finding {
	return s.upload(question{method: "POST", body: bytes.Repeat([]byte("0123456789"), 4000), chunked: true})
}

func (s *site) upload(q question) Finding {
	const remedy = "the limit is the server's: LimitRequestBody (in .htaccess, too), mod_fcgid's FcgidMaxRequestLen or nginx's client_max_body_size; with mod_fcgid let uploads go to proxy.cgi (\"Both\" in htaccess.example)"
	q.fields = []string{"Content-Type: application/octet-stream"}
	r, err := s.ask(q)
	size := strconv.Itoa(len(q.body) >> 10)
	switch {
	case err != nil:
		return fault(remedy, "%s KiB do not arrive: %v", size, err)
	case !r.ours && q.chunked:
		return warning("few clients send that (git, curl from a pipe): ask the host", "refused: %s", r.summary())
	case !r.ours || r.seen.Get("refused") != "":
		return fault(remedy, "%s KiB are refused: %s", size, r.summary())
	case r.seen.Get("error") != "":
		return fault(remedy, "%s KiB do not arrive: %s", size, r.seen.Get("error"))
	}
	if r.seen.Get("sha256") != sumOf(q.body) {
		return fault("ask the host what changes or cuts uploads", "of %d bytes %s arrive, or others", len(q.body), orElse(r.seen.Get("body"), "0"))
	}
	if q.chunked && r.seen.Get("length") != "" {
		return ok("%s KiB arrive whole; the server collects them first, and gives them a length", size)
	}
	return ok("%s KiB arrive whole", size)
}

// earlyResponse has an upload refused before it is read. It is small enough for
// servers to take it.
func earlyResponse(s *site) Finding {
	r, err := s.ask(question{what: "early", method: "POST", body: bytes.Repeat([]byte("0123456789"), 12<<10)})
	const remedy = "visitors see a connection error where the app refuses an upload: ask the host what is in front of the server"
	switch {
	case err != nil:
		return warning(remedy, "a 413 before the upload is read is lost: %v", err)
	case !r.ours:
		return warning(remedy, "a 413 before the upload is read becomes %s", r.summary())
	case r.StatusCode != http.StatusRequestEntityTooLarge || r.bodyErr != nil:
		return warning(remedy, "a 413 before the upload is read becomes %s (%v)", r.Status, r.bodyErr)
	}
	return ok("a 413 before the upload is read gets to the visitor")
}
