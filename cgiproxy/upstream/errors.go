package upstream

// An Error is why there is no response that could be passed on, or no whole
// one. What it says is for the owner of the site.
type Error struct {
	Err     error  // the cause
	Remedy  string // what to do about it
	Timeout bool   // the app did not do something in time
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }
