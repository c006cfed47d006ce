package settings

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
)

// unknown returns the names that no setting has, and that the app does not get.
func (f *finder) unknown(forApp Names) (names []string) {
	for name := range f.counted {
		if !isSetting(name) && !slices.Contains(forApp, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// noSetting says so of a name, and which one was probably meant, "" for none.
func noSetting(name, meant string) string {
	if !strings.HasPrefix(strings.ToUpper(name), Prefix) {
		name = Prefix + name
	}
	if meant == "" {
		return name + " is no setting"
	}
	return name + " is no setting: did you mean " + Prefix + meant + "?"
}

// mistyped refuses a name in File that has all letters of a setting which protects
// the site, in another case or with other underscores: everything would work, and
// nothing be protected. SetEnv may be another folder's, and what it says gets a note.
func (f *finder) mistyped(unknown []string, folder string) error {
	for _, name := range unknown {
		file := filepath.Join(folder, File)
		for _, s := range List() {
			if protects(s.Name) && letters(name) == letters(s.Name) && f.counted[name].source == file {
				return &Error{Err: errors.New(noSetting(name, s.Name)), Remedy: "write it so in " + file}
			}
		}
	}
	return nil
}

// protects reports whether a site that should have a setting is open, or to more than
// its owner wants, without it.
func protects(name string) bool {
	switch name {
	case "REQUIRE_OWNER", "SECRET", "TLS_CA", "TLS_SKIP_VERIFY", "TRUSTED_PROXIES", "MAX_BODY", "STATUS_PATH", "STATUS_TOKEN":
		return true
	}
	return false
}

// letters returns a name without what is easily mistyped.
func letters(name string) string {
	return strings.TrimPrefix(strings.ReplaceAll(strings.ToUpper(name), "_", ""), "CGIPROXY")
}

func isSetting(name string) bool {
	return slices.ContainsFunc(List(), func(s Setting) bool { return s.Name == name })
}

// meantSetting returns the setting that an unknown name stands for, or "": what
// people call UPSTREAM, or a name of which at most one byte in three differs.
func meantSetting(name string) string {
	name = strings.TrimPrefix(strings.ToUpper(name), Prefix)
	switch name {
	case "PORT", "HOST", "SOCKET", "BACKEND", "TARGET", "URL":
		return "UPSTREAM"
	}
	nearest := slices.MinFunc(List(), func(a, b Setting) int {
		return EditDistance(name, a.Name) - EditDistance(name, b.Name)
	}).Name
	if 3*EditDistance(name, nearest) > len(name) {
		return ""
	}
	return nearest
}

// EditDistance counts the bytes to insert, delete or replace to make a from b.
func EditDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			above := row[j+1]
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above+1, row[j]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
