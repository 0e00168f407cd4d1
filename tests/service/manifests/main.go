// SPDX-License-Identifier: Apache-2.0

// manifests FOLDER reads what is in scripts/deploy as the programs would that it is for: the compose files
// by Compose's own loader and schema, the Kubernetes ones built by kustomize and decoded strictly into
// Kubernetes' own types, so that a key that does not exist and a value of the wrong type are errors. It
// then looks for what a schema cannot know: names, ports, keys that another object must have.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var wrong, tests int

func check(what string, problems []string) {
	tests++
	if len(problems) > 0 {
		wrong++
		fmt.Printf("not ok %d - %s\n", tests, what)
		for _, p := range problems {
			fmt.Printf("# %s\n", strings.ReplaceAll(p, "\n", "\n# "))
		}
		return
	}
	fmt.Printf("ok %d - %s\n", tests, what)
}

// environment of an --env-file.
func environment(path string) map[string]string {
	env := map[string]string{"ADMIN_PASSWORD": "x"}
	text, err := os.ReadFile(path)
	if err != nil {
		return env
	}
	for _, line := range strings.Split(string(text), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			env[key] = value
		}
	}
	return env
}

func compose(folder, file, env string) (*types.Project, []string) {
	variables := environment(filepath.Join(folder, env))
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(folder, file)}},
		Environment: variables,
	}, func(o *loader.Options) {
		o.SetProjectName("test", variables["COMPOSE_PROJECT_NAME"] == "")
		if n := variables["COMPOSE_PROJECT_NAME"]; n != "" {
			o.SetProjectName(n, true)
		}
	})
	if err != nil {
		return nil, []string{err.Error()}
	}
	var problems []string
	for _, s := range project.Services {
		for _, v := range s.Volumes {
			// The operator brings tls/ and telltale.yaml, the host what is of docker and the kernel.
			base, host := filepath.Base(v.Source), strings.HasPrefix(v.Source, "/var/") || strings.HasPrefix(v.Source, "/sys/")
			if v.Type == "bind" && base != "tls" && base != "telltale.yaml" && !host {
				if _, err := os.Stat(v.Source); err != nil {
					problems = append(problems, fmt.Sprintf("%s mounts %s, which is not there", s.Name, v.Source))
				}
			}
		}
		if strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, ":") {
			problems = append(problems, fmt.Sprintf("%s: %s is not pinned", s.Name, s.Image))
		}
	}
	return project, problems
}

// apart: two projects that share a port could not run on one host.
func apart(a, b *types.Project) []string {
	var problems []string
	taken := map[string]string{}
	for _, p := range []*types.Project{a, b} {
		for _, n := range p.Networks {
			for _, pool := range n.Ipam.Config {
				if other, ok := taken[pool.Subnet]; ok {
					problems = append(problems, fmt.Sprintf("%s and %s have network %s", p.Name, other, pool.Subnet))
				}
				taken[pool.Subnet] = p.Name
			}
		}
		for _, s := range p.Services {
			for _, port := range s.Ports {
				at := port.HostIP + ":" + port.Published
				if other, ok := taken[at]; ok {
					problems = append(problems, fmt.Sprintf("%s/%s and %s have port %s", p.Name, s.Name, other, at))
				}
				taken[at] = p.Name + "/" + s.Name
			}
		}
	}
	return problems
}

type objects struct {
	configMaps   map[string]map[string]string
	services     map[string]corev1.Service
	pods         map[string]corev1.PodTemplateSpec
	podLabels    []map[string]string
	statefulSets []appsv1.StatefulSet
}

func kubernetes(folder string) (objects, []string) {
	o := objects{configMaps: map[string]map[string]string{}, services: map[string]corev1.Service{}, pods: map[string]corev1.PodTemplateSpec{}}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return o, []string{err.Error()}
	}
	var problems []string
	for _, r := range built.Resources() {
		text, _ := r.AsYAML()
		var err error
		strict := func(into any) { err = yaml.UnmarshalStrict(text, into) }
		switch r.GetKind() {
		case "ConfigMap":
			var m corev1.ConfigMap
			strict(&m)
			o.configMaps[m.Name] = m.Data
		case "Service":
			var s corev1.Service
			strict(&s)
			o.services[s.Name] = s
		case "StatefulSet":
			var s appsv1.StatefulSet
			strict(&s)
			o.pods[s.Name] = s.Spec.Template
			o.statefulSets = append(o.statefulSets, s)
			if !matches(s.Spec.Selector.MatchLabels, s.Spec.Template.Labels) {
				problems = append(problems, s.Name+" does not select its own pods")
			}
		case "Deployment":
			var d appsv1.Deployment
			strict(&d)
			o.pods[d.Name] = d.Spec.Template
			if !matches(d.Spec.Selector.MatchLabels, d.Spec.Template.Labels) {
				problems = append(problems, d.Name+" does not select its own pods")
			}
		case "DaemonSet":
			var d appsv1.DaemonSet
			strict(&d)
			o.pods[d.Name] = d.Spec.Template
			if !matches(d.Spec.Selector.MatchLabels, d.Spec.Template.Labels) {
				problems = append(problems, d.Name+" does not select its own pods")
			}
		case "CronJob":
			var c batchv1.CronJob
			strict(&c)
			o.pods[c.Name] = c.Spec.JobTemplate.Spec.Template
		case "Namespace":
			strict(new(corev1.Namespace))
		case "PodDisruptionBudget":
			strict(new(policyv1.PodDisruptionBudget))
		case "NetworkPolicy":
			strict(new(networkingv1.NetworkPolicy))
		default:
			err = fmt.Errorf("no type known for %s", r.GetKind())
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s %s: %v", r.GetKind(), r.GetName(), err))
		}
	}
	return o, append(problems, o.references()...)
}

func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

// hardened: what every container here says of itself.
func (o objects) hardened() []string {
	var problems []string
	for name, pod := range o.pods {
		say := func(what string) { problems = append(problems, name+" "+what) }
		security := pod.Spec.SecurityContext
		if security == nil || security.RunAsNonRoot == nil || !*security.RunAsNonRoot || security.SeccompProfile == nil {
			say("may run as root, or without seccomp")
		}
		if token := pod.Spec.AutomountServiceAccountToken; token == nil || *token {
			say("has a token of the cluster")
		}
		for _, c := range pod.Spec.Containers {
			own := c.SecurityContext
			if own == nil || own.AllowPrivilegeEscalation == nil || *own.AllowPrivilegeEscalation ||
				own.Capabilities == nil || len(own.Capabilities.Drop) != 1 || own.Capabilities.Drop[0] != "ALL" {
				say("keeps privileges")
			}
			if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
				say("does not say what it needs and may take")
			}
			// What ends by itself needs none.
			if pod.Spec.RestartPolicy != corev1.RestartPolicyNever && (c.ReadinessProbe == nil || c.LivenessProbe == nil) {
				say("has no probe")
			}
		}
	}
	return problems
}

// references: what one object says of another.
func (o objects) references() []string {
	var problems []string
	say := func(format string, a ...any) { problems = append(problems, fmt.Sprintf(format, a...)) }
	for name, s := range o.services {
		found := false
		for _, pod := range o.pods {
			if !matches(s.Spec.Selector, pod.Labels) {
				continue
			}
			found = true
			for _, port := range s.Spec.Ports {
				if !hasPort(pod, port.TargetPort.StrVal) {
					say("service %s: its pods have no port %s", name, port.TargetPort.StrVal)
				}
			}
		}
		if !found {
			say("service %s selects nothing", name)
		}
	}
	for _, s := range o.statefulSets {
		if _, ok := o.services[s.Spec.ServiceName]; !ok {
			say("%s: no service %s", s.Name, s.Spec.ServiceName)
		}
	}
	for name, pod := range o.pods {
		volumes := map[string]bool{}
		for _, v := range pod.Spec.Volumes {
			volumes[v.Name] = true
			if v.ConfigMap != nil && o.configMaps[v.ConfigMap.Name] == nil {
				say("%s: no config map %s", name, v.ConfigMap.Name)
			}
			if v.Projected == nil {
				continue
			}
			for _, source := range v.Projected.Sources {
				data := o.configMaps[source.ConfigMap.Name]
				if data == nil {
					say("%s: no config map %s", name, source.ConfigMap.Name)
				}
				for _, item := range source.ConfigMap.Items {
					if _, ok := data[item.Key]; !ok {
						say("%s: %s has no %s", name, source.ConfigMap.Name, item.Key)
					}
				}
			}
		}
		for _, s := range o.statefulSets {
			if s.Name == name {
				for _, claim := range s.Spec.VolumeClaimTemplates {
					volumes[claim.Name] = true
				}
			}
		}
		for _, c := range pod.Spec.Containers {
			for _, m := range c.VolumeMounts {
				if !volumes[m.Name] {
					say("%s mounts %s, which is no volume of its pod", name, m.Name)
				}
				for _, v := range pod.Spec.Volumes {
					if v.Name == m.Name && m.SubPath != "" && v.ConfigMap != nil {
						if _, ok := o.configMaps[v.ConfigMap.Name][m.SubPath]; !ok {
							say("%s mounts %s of %s, which is not in it", name, m.SubPath, v.ConfigMap.Name)
						}
					}
				}
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
					ref := e.ValueFrom.ConfigMapKeyRef
					if _, ok := o.configMaps[ref.Name][ref.Key]; !ok {
						say("%s: %s has no %s", name, ref.Name, ref.Key)
					}
				}
			}
			for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
				if probe != nil && probe.HTTPGet != nil && !hasPort(pod, probe.HTTPGet.Port.StrVal) {
					say("%s: no port %s for a probe", name, probe.HTTPGet.Port.StrVal)
				}
			}
		}
	}
	return problems
}

func hasPort(pod corev1.PodTemplateSpec, name string) bool {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}

func main() {
	deploy := os.Args[1]
	service := filepath.Join(deploy, "service")
	testnet, problems := compose(service, "compose.yaml", "testnet.env")
	check("compose.yaml for testnet", problems)
	livenet, problems := compose(service, "compose.yaml", "livenet.env")
	check("compose.yaml for livenet", problems)
	if testnet != nil && livenet != nil {
		check("testnet and livenet can run on one host", apart(testnet, livenet))
	}
	_, problems = compose(service, "compose.yaml", "none.env")
	if len(problems) == 0 {
		check("compose.yaml without a network is refused", []string{"it was taken"})
	} else {
		check("compose.yaml without a network is refused", nil)
	}
	_, problems = compose(service, "compose.operator.yaml", "none.env")
	check("compose.operator.yaml", problems)
	for _, network := range []string{"testnet", "livenet"} {
		o, problems := kubernetes(filepath.Join(deploy, network))
		check("Kubernetes, "+network, append(problems, o.hardened()...))
	}
	// What its containers may do, tests/service/node.py checks.
	node := filepath.Join(deploy, "node")
	_, problems = compose(node, "compose.yaml", "none.env")
	check("compose.yaml for a node", problems)
	_, problems = kubernetes(node)
	check("Kubernetes, a node", problems)
	fmt.Printf("1..%d\n", tests)
	if wrong > 0 {
		os.Exit(1)
	}
}
