package cgiproxy

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// A setting describes one field of Config.
type setting struct {
	name     string // without the prefix
	standard string // the default, "" for none
	example  string
	desc     string
}

// settings lists the fields of Config in their order.
var settings = sync.OnceValue(func() []setting {
	var list []setting
	for field := range reflect.TypeFor[Config]().Fields() {
		if !field.IsExported() {
			continue
		}
		tag := field.Tag
		name := strings.TrimPrefix(tag.Get("envconfig"), settingPrefix)
		list = append(list, setting{name, tag.Get("default"), tag.Get("example"), tag.Get("desc")})
	}
	return list
})

// unknownSettings describes each name that no setting has, with the one that
// was probably meant.
func unknownSettings(values map[string]string) []string {
	var list []string
	for name := range values {
		if slices.ContainsFunc(settings(), func(s setting) bool { return s.name == name }) {
			continue
		}
		message := settingPrefix + name + " is no setting"
		if meant := meantSetting(name); meant != "" {
			message += ": did you mean " + settingPrefix + meant + "?"
		}
		list = append(list, message)
	}
	slices.Sort(list)
	return list
}

// meantSetting returns the setting that an unknown name stands for, or "": what
// people call UPSTREAM, or a name of which at most one byte in three differs.
func meantSetting(name string) string {
	name = strings.TrimPrefix(strings.ToUpper(name), settingPrefix)
	switch name {
	case "PORT", "HOST", "SOCKET", "BACKEND", "TARGET", "URL":
		return "UPSTREAM"
	}
	nearest := slices.MinFunc(settings(), func(a, b setting) int {
		return editDistance(name, a.name) - editDistance(name, b.name)
	}).name
	if 3*editDistance(name, nearest) > len(name) {
		return ""
	}
	return nearest
}

// editDistance counts the bytes to insert, delete or replace to make a from b.
func editDistance(a, b string) int {
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
