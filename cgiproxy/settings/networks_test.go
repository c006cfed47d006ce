package settings

import (
	"net/netip"
	"testing"
)

func TestNetworks(t *testing.T) {
	tests := []struct {
		name, value string
		in, out     []string
	}{
		{"none", "", nil, []string{"127.0.0.1", "::1"}},
		{"one address", "192.0.2.7", []string{"192.0.2.7", "::ffff:192.0.2.7"}, []string{"192.0.2.8", "::1"}},
		{"one IPv6 address", "2001:db8::1", []string{"2001:db8::1", "2001:db8:0::0:1"}, []string{"2001:db8::2", "192.0.2.1"}},
		{"CIDR", "10.0.0.0/8", []string{"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"}, []string{"11.0.0.0", "9.255.255.255"}},
		{"CIDR with host bits", "10.1.2.3/8", []string{"10.200.0.1"}, []string{"11.0.0.0"}},
		{"IPv6 CIDR", "2001:db8::/32", []string{"2001:db8:ffff::1"}, []string{"2001:db9::"}},
		{"several", "10.0.0.0/8, 192.0.2.7 ::1,,", []string{"10.0.0.1", "192.0.2.7", "::1"}, []string{"192.0.2.8"}},
		{"everybody", "0.0.0.0/0,::/0", []string{"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"}, nil},
		{"IPv4 CIDR written as IPv6", "::ffff:10.0.0.0/104", []string{"10.255.255.255", "::ffff:10.0.0.1"}, []string{"11.0.0.0", "::1"}},
		{"IPv4 written as IPv6", "::ffff:192.0.2.7", []string{"192.0.2.7", "::ffff:192.0.2.7"}, []string{"192.0.2.8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n Networks
			if err := n.Decode(tt.value); err != nil {
				t.Fatalf("Decode(%q): %v", tt.value, err)
			}
			for _, addr := range tt.in {
				if !n.Contains(netip.MustParseAddr(addr)) {
					t.Errorf("%q does not contain %s", tt.value, addr)
				}
			}
			for _, addr := range tt.out {
				if n.Contains(netip.MustParseAddr(addr)) {
					t.Errorf("%q contains %s", tt.value, addr)
				}
			}
		})
	}
}

func TestNetworksDecodeRefuses(t *testing.T) {
	for _, value := range []string{"x", "10.0.0.0/33", "10.0.0.0/", "10.0.0", "10.0.0.256", "10.0.0.0/8;192.0.2.7", "localhost", "*", "192.0.2.7:80", "[::1]"} {
		t.Run(value, func(t *testing.T) {
			var n Networks
			if err := n.Decode(value); err == nil {
				t.Errorf("Decode(%q) is %v, want an error", value, n)
			}
		})
	}
}
