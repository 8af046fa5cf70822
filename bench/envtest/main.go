// Command envtest measures how long controller-runtime's envtest needs until its kube-apiserver is ready.
//
// It starts a control plane with the kube-apiserver and etcd of the folder given, waits until GET /readyz answers 200,
// writes one JSON object to its standard output and stops the control plane. The times exclude the start of this program.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	pollInterval = 20 * time.Millisecond // as the harness polls
	readyLimit   = 90 * time.Second
)

// measurement holds seconds since the call of Start, except StopS, which is how long stopping took.
type measurement struct {
	StartS float64 `json:"start_s"`
	ReadyS float64 `json:"ready_s"`
	StopS  float64 `json:"stop_s"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: envtest FOLDER (with kube-apiserver and etcd)")
		os.Exit(2)
	}
	result, err := measure(os.Args[1])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "envtest:", err)
		os.Exit(1)
	}
}

func measure(binaries string) (result measurement, err error) {
	existing := false
	environment := &envtest.Environment{BinaryAssetsDirectory: binaries, UseExistingCluster: &existing}
	began := time.Now()
	configuration, err := environment.Start()
	result.StartS = time.Since(began).Seconds()
	defer func() {
		stopping := time.Now()
		if stopErr := environment.Stop(); err == nil {
			err = stopErr
		}
		result.StopS = time.Since(stopping).Seconds()
	}()
	if err != nil {
		return result, err
	}
	err = waitReady(configuration)
	result.ReadyS = time.Since(began).Seconds()
	return result, err
}

func waitReady(configuration *rest.Config) error {
	client, err := rest.HTTPClientFor(configuration)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(readyLimit)
	for {
		answer, err := client.Get(strings.TrimRight(configuration.Host, "/") + "/readyz?verbose")
		seen := fmt.Sprint(err)
		if err == nil {
			seen, err = read(answer)
			if err == nil && answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("/readyz does not answer 200 within %s; last: %s", readyLimit, seen)
		}
		time.Sleep(pollInterval)
	}
}

func read(answer *http.Response) (string, error) {
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return fmt.Sprintf("%s: %s", answer.Status, body), err
}
