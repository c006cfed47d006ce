package settings

import (
	"slices"
	"strings"
)

// unknown describes each name that no setting has, with the one that was
// probably meant.
func (f *finder) unknown(forApp Names) []string {
	var texts []string
	for name := range f.counted {
		if isSetting(name) || slices.Contains(forApp, name) {
			continue
		}
		text := Prefix + name + " is no setting"
		if meant := meantSetting(name); meant != "" {
			text += ": did you mean " + Prefix + meant + "?"
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	return texts
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
