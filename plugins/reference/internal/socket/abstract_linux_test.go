package socket

import "testing"

func TestAbstractSocketAdmitsTheUsersOfA0600File(t *testing.T) {
	const own = 1000
	for peer, want := range map[uint32]bool{own: true, 0: true, own + 1: false, 65534: false} {
		if err := admit(peer, own); (err == nil) != want {
			t.Errorf("user %d: %v; want admitted = %t", peer, err, want)
		}
	}
}
