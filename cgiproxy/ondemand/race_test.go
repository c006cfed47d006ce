//go:build linux && race

package ondemand

// With the race detector a process takes half a second to begin: the many that
// tests start are a program without it.
func init() { underRace = true }
