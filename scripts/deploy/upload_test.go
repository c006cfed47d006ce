package main

import "testing"

// TestStagedTwice uploads again what goes back: that overwrites nothing, for a server need
// not allow that, least of all where the owner has permissions 400 on settings.
func TestStagedTwice(t *testing.T) {
	host, folder := thisHost(t)
	s, err := openServed(host, folder)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, text := range []string{"new", "old"} {
		todo := []step{{name: "a", content: []byte(text), mode: 0o400}, {name: "b", content: []byte(text), mode: 0o400}}
		if err := s.stage(t.Context(), todo, meter{}); err != nil {
			t.Fatal(err)
		}
		for _, step := range todo {
			names[step.temp] = true
		}
	}
	if len(names) != 4 {
		t.Errorf("the names are %v, want 4", names)
	}
}
