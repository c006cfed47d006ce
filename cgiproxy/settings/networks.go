package settings

import (
	"fmt"
	"net/netip"
	"strings"
)

// Networks is a list of address ranges. The zero value is none.
type Networks []netip.Prefix

// Decode implements envconfig.Decoder: CIDRs or single addresses, separated by
// commas or spaces.
func (n *Networks) Decode(value string) error {
	var list Networks
	for _, s := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				return fmt.Errorf("%q is neither an address nor a CIDR", s)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
		}
		list = append(list, prefix)
	}
	*n = list
	return nil
}

// Contains reports whether an address is in one of the ranges.
func (n Networks) Contains(addr netip.Addr) bool {
	for _, prefix := range n {
		if prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
