// Package settings is what the owner of a site wrote about it: found, read and
// checked.
//
//	config.go   the settings, one tagged struct
//	load.go     where they are looked for, and which one counts
//	file.go     the lines of .htcgiproxy; edit.go changes one
//	ownfile.go  the rule for files of the owner
//	address.go  where the app listens; networks.go, level.go, logfile.go: other
//	            values
//	names.go    the list for MANUAL, and names that no setting has
//	errors.go   what is wrong, and what to do about it
//
// It trusts the owner and the web server. It does not trust other users of the
// machine, who may have put a file in the place of the owner's, nor clients: no
// setting is read from a name that a client can forge (HTTP_).
package settings
