package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is the program too: started under the name kms-plugin it runs main.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kms-plugin": main})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
	})
}

func TestExitCodes(t *testing.T) {
	ring := t.TempDir() + "/ring.json"
	cases := map[int][][]string{
		0: {{"version"}, {"--help"}, {"serve", "--help"}},
		exitFailure: {
			{"keys", "--key-ring", ring},
			{"serve", "--listen", "unix:///@x", "--key-ring", ring + "/no-folder/ring.json"},
		},
		exitUsage: {
			{}, {"frobnicate"}, {"serve"}, {"keys"}, {"disable", "--key-ring", ring}, {"version", "extra"}, {"keys", "--key-ring"},
			{"serve", "--listen", "tcp://x", "--key-ring", ring},
			{"serve", "--listen", "unix:///@x", "--key-ring", ring, "--metrics-listen", "0.0.0.0:1"},
		},
	}
	for want, lines := range cases {
		for _, arguments := range lines {
			got := 0
			var exit *exec.ExitError
			if err := program(t, arguments...).Run(); errors.As(err, &exit) {
				got = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("kms-plugin %q: exit code %d, want %d", arguments, got, want)
			}
		}
	}
}
