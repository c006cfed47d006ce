package cgiproxy

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"proxy.cgi/cgiproxy/ondemand"
	"proxy.cgi/cgiproxy/settings"
	"proxy.cgi/cgiproxy/upstream"
)

// A failure is an error with the status the client gets. What it says is for
// the owner's log: the client never sees it.
type failure struct {
	status     int
	cause      error
	remedy     string        // what the owner can do; empty where the request is at fault
	advice     string        // what the client reads; empty for the usual sentence of the status
	retryAfter time.Duration // when to try again, with 503; zero is not known
}

func (f *failure) Error() string {
	if f.remedy == "" {
		return f.cause.Error()
	}
	return f.cause.Error() + ": " + f.remedy
}

func (f *failure) Unwrap() error { return f.cause }

// asFailure is the table of the errors that a request may meet, and the status
// that each becomes. One that is not in it we did not foresee, so it is ours.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok { // of the request: those below
		return f
	}
	if e, ok := errors.AsType[*settings.Error](err); ok {
		return &failure{status: http.StatusInternalServerError, cause: e, remedy: e.Remedy}
	}
	if e, ok := errors.AsType[*upstream.Error](err); ok {
		status := http.StatusBadGateway
		if e.Timeout {
			status = http.StatusGatewayTimeout
		}
		return &failure{status: status, cause: e, remedy: e.Remedy}
	}
	if e, ok := errors.AsType[*ondemand.Error](err); ok {
		return notStarted(e)
	}
	return &failure{status: http.StatusInternalServerError, cause: err}
}

// notStarted is an app that START could not bring up.
func notStarted(e *ondemand.Error) *failure {
	f := &failure{status: http.StatusServiceUnavailable, cause: e, remedy: e.Advice(), retryAfter: e.RetryAfter}
	switch e.Kind {
	case ondemand.Stranger:
		f.status = http.StatusBadGateway
	case ondemand.Shared:
		f.status = http.StatusInternalServerError
	}
	return f
}

// badRequest is a request that cannot be forwarded as what it claims to be.
func badRequest(format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, cause: fmt.Errorf(format, args...)}
}

// notImplemented is a request that a CGI program cannot forward.
func notImplemented(cause, advice string) *failure {
	return &failure{status: http.StatusNotImplemented, cause: errors.New(cause), advice: advice}
}

// tooLarge is a body of more than MAX_BODY bytes.
func tooLarge(limit int64) *failure {
	return &failure{
		status: http.StatusRequestEntityTooLarge,
		cause:  fmt.Errorf("request body over %d bytes", limit),
		remedy: "raise " + settings.Prefix + "MAX_BODY if it should pass",
	}
}

// lengthRequired is a body whose end nothing would tell from a cut.
func lengthRequired(way, remedy string) *failure {
	return &failure{
		status: http.StatusLengthRequired,
		cause:  fmt.Errorf("request body without a length %s, where a cut one would look whole", way),
		remedy: remedy,
	}
}

// refused is a request that the web server itself has refused: see refused.go.
func refused(status int, target string) *failure {
	f := &failure{
		status: status,
		cause:  fmt.Errorf("the web server itself refused %.200q, and has proxy.cgi show its error page", target),
		remedy: "the app is not asked; htaccess.example leaves such pages to the server (RewriteCond with REDIRECT_STATUS)",
	}
	if status < http.StatusMultipleChoices { // a page with such a status would be a success
		f.status = http.StatusInternalServerError
	}
	return f
}
