package cgiproxy

import "strings"

// removeDotSegments resolves "." and "..", also encoded, as the web server did
// before it decided that the client may have this path: the app must not be
// asked for another one. A path without dot segments keeps its empty segments.
//
// An encoded slash next to a dot segment is 400, for Apache takes it as part of
// a name and the others as a separator; and so is ".." behind an empty segment:
// servers merge slashes first, unless they are told not to. And so is "..;", or an
// empty segment with a parameter that another follows: to the web server it is a name,
// and servlet containers take the parameter away before they resolve the rest.
func removeDotSegments(path string) (string, error) {
	if !strings.ContainsAny(path, ".;") && !containsFold(path, "%2e") {
		return path, nil
	}
	var kept []string
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		dots := dotSegment(segment)
		switch {
		case dots == "" && hidesDotSegment(segment):
			return "", badRequest("path %.200q has a dot segment next to an encoded slash or a semicolon", path)
		case strings.HasPrefix(segment, ";") && i < len(segments)-1:
			return "", badRequest("path %.200q has a parameter of an empty segment", path)
		case dots == "":
			kept = append(kept, segment)
			continue
		case dots == "..":
			if len(kept) > 0 && kept[len(kept)-1] == "" {
				return "", badRequest("path %.200q has a dot segment next to an empty one", path)
			}
			if len(kept) > 0 {
				if containsFold(kept[len(kept)-1], "%2f") {
					return "", badRequest("path %.200q has a dot segment next to an encoded slash", path)
				}
				kept = kept[:len(kept)-1]
			}
		}
		if i == len(segments)-1 {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/"), nil
}

// dotSegment returns "." or ".." for a segment that stands for it, else "".
func dotSegment(segment string) string {
	if len(segment) > len("%2e%2e") {
		return ""
	}
	switch s := strings.ReplaceAll(strings.ToLower(segment), "%2e", "."); s {
	case ".", "..":
		return s
	}
	return ""
}

// hidesDotSegment reports whether the segment has a dot segment in it once an
// encoded slash counts as a separator, and parameters do not count.
func hidesDotSegment(segment string) bool {
	if !strings.Contains(segment, ";") && !containsFold(segment, "%2f") {
		return false
	}
	for part := range strings.SplitSeq(strings.ToLower(segment), "%2f") {
		name, _, _ := strings.Cut(part, ";")
		if dotSegment(name) != "" {
			return true
		}
	}
	return false
}

// containsFold reports whether s holds the lower-case ASCII string sub in any
// spelling.
func containsFold(s, sub string) bool {
	return strings.Contains(s, sub) || strings.Contains(strings.ToLower(s), sub)
}
