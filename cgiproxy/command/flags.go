package command

import (
	"flag"
	"fmt"
	"strings"

	"proxy.cgi/cgiproxy/settings"
)

// nearFlag names the flag that is nearest to an unknown one in args, if one is
// near.
func nearFlag(flags *flag.FlagSet, args []string) string {
	for _, arg := range args {
		name, isFlag := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if !isFlag || name == "" || flags.Lookup(name) != nil {
			continue
		}
		best, least := "", 3
		flags.VisitAll(func(f *flag.Flag) {
			if d := settings.EditDistance(strings.ToLower(name), f.Name); d < least {
				best, least = f.Name, d
			}
		})
		if best == "" {
			return ""
		}
		return fmt.Sprintf(" (did you mean --%s?)", best)
	}
	return ""
}
