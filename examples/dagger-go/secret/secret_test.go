// Package secret is a containerised test of another project: it knows a kubeconfig and nothing of how the control
// plane was made.
package secret

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestSecretIsReadBack(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	core := kubernetes.NewForConfigOrDie(config).CoreV1()
	// A namespace of its own: `default` is made by kube-apiserver some seconds after it begins to serve.
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "demo"}}
	if _, err := core.Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "demo"}, StringData: map[string]string{"password": "hunter2"}}
	if _, err := core.Secrets("demo").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	read, err := core.Secrets("demo").Get(t.Context(), "demo", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(read.Data["password"]); got != "hunter2" {
		t.Fatalf("the Secret holds %q", got)
	}
}
