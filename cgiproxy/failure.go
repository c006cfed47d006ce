package cgiproxy

import (
	"errors"
	"fmt"
	"net/http"
)

// A failure is an error with the status the visitor gets. What it says is for
// the owner's log: the visitor never sees it.
type failure struct {
	status int
	cause  error
	remedy string // what the owner can do; empty where it is the visitor's fault
	advice string // what the visitor reads; empty for the usual sentence of the status
}

func (f *failure) Error() string {
	if f.remedy == "" {
		return f.cause.Error()
	}
	return f.cause.Error() + ": " + f.remedy
}

func (f *failure) Unwrap() error { return f.cause }

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
		remedy: "raise " + settingPrefix + "MAX_BODY if it should pass",
	}
}

// badGateway is an answer, or a lack of one, that is the app's doing.
func badGateway(cause error, remedy string) *failure {
	return &failure{status: http.StatusBadGateway, cause: cause, remedy: remedy}
}

// gatewayTimeout is an app that did not do something in time.
func gatewayTimeout(cause error, remedy string) *failure {
	return &failure{status: http.StatusGatewayTimeout, cause: cause, remedy: remedy}
}

// asFailure returns err as a failure. An error that no step has given a status
// is one we did not foresee, so it is ours: 500.
func asFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{status: http.StatusInternalServerError, cause: err}
}
