/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "tap/namespaces.h"
#include "tap/uprobe.h"

bool load_is_sandboxed(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t has = CAP_CLEAR;
	bool refused;

	if (caps)
		cap_get_flag(caps, CAP_BPF, CAP_EFFECTIVE, &has);
	cap_free(caps);
	if (has != CAP_SET)
		return false;
	/* The kernel itself finds such a command invalid. */
	refused = syscall(SYS_bpf, -1, NULL, 0) < 0 && (errno == EPERM || errno == ENOSYS);
	return refused;
}

static void refuse_tls(struct load_plan *plan, const char *what)
{
	plan->tls = false;
	snprintf(plan->tls_why, sizeof(plan->tls_why),
		 "the kernel refuses the TLS programs (%s): it has no uprobes, or its security "
		 "policy forbids tracing",
		 what);
}

bool load_has_btf(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}

/* What a program is called with, one in front, and the packet, the place, the reason, the socket.
 */
#define DROPS_ARGUMENTS 5

bool load_tells_drops(const struct btf *kernel)
{
	int id = kernel ? btf__find_by_name_kind(kernel, "btf_trace_kfree_skb", BTF_KIND_TYPEDEF)
			: -1;
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, (__u32)id) : NULL;

	type = type ? btf__type_by_id(kernel, type->type) : NULL; /* a pointer to it */
	type = type && btf_is_ptr(type) ? btf__type_by_id(kernel, type->type) : NULL;
	return type && btf_is_func_proto(type) && btf_vlen(type) == DROPS_ARGUMENTS;
}

static bool plan_drops(void)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	bool tells = load_tells_drops(kernel);

	btf__free(kernel);
	return tells;
}

void load_plan(struct load_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->tls = true;
	if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_KPROBE, NULL) != 1)
		refuse_tls(plan, "not even an empty one is taken");
	if (plan->tls && !namespaces_pids_are_hosts() && !uprobe_has_cookies()) {
		plan->tls = false;
		snprintf(plan->tls_why, sizeof(plan->tls_why),
			 "in a PID namespace of its own telltale reads TLS from Linux 5.15 on; run "
			 "it "
			 "in the host's (--pid=host), or use a newer kernel");
	}
	/* Linux 5.10 has no such helper for tracing programs. */
	plan->execs = libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT,
					      BPF_FUNC_get_current_ancestor_cgroup_id, NULL) == 1;
	/* The kernel has this helper since it has allocations that any program may make. */
	plan->grows = libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_user_ringbuf_drain,
					      NULL) == 1;
	/* Its programs are fitted to the kernel by what that says of its own structures. */
	plan->witness = load_has_btf();
	plan->drops = plan->witness && plan_drops();
}

void load_without_tls(struct load_plan *plan, int err)
{
	refuse_tls(plan, strerror(-err));
}

void load_choose(struct bpf_object *object, const struct load_plan *plan)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		enum bpf_prog_type type = bpf_program__type(program);

		if ((type == BPF_PROG_TYPE_KPROBE && !plan->tls) ||
		    (type == BPF_PROG_TYPE_TRACING && !plan->witness) ||
		    (type == BPF_PROG_TYPE_RAW_TRACEPOINT && !plan->execs))
			bpf_program__set_autoload(program, false);
	}
}

/* Runs after the library has made its replacements and before the kernel sees the program. */
static int restore_user_reads(struct bpf_program *program, struct bpf_prog_load_opts *opts,
			      long cookie)
{
	struct bpf_insn *instructions = (struct bpf_insn *)bpf_program__insns(program);

	(void)opts;
	(void)cookie;
	for (size_t i = 0; i < bpf_program__insn_cnt(program); i++) {
		struct bpf_insn *in = &instructions[i];

		if (in->code == (BPF_JMP | BPF_CALL) && !in->src_reg &&
		    in->imm == BPF_FUNC_probe_read)
			in->imm = BPF_FUNC_probe_read_user;
	}
	return 0;
}

int load_keep_user_reads(void)
{
	static const struct {
		const char *section;
		enum bpf_prog_type type;
		enum bpf_attach_type attach;
	} sections[] = {
		{"cgroup_skb/ingress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS},
		{"cgroup_skb/egress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS},
		{"uprobe", BPF_PROG_TYPE_KPROBE, 0},
		{"uretprobe", BPF_PROG_TYPE_KPROBE, 0},
	};
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = restore_user_reads);
	static bool done;

	for (size_t i = 0; !done && i < sizeof(sections) / sizeof(sections[0]); i++) {
		int err = libbpf_register_prog_handler(sections[i].section, sections[i].type,
						       sections[i].attach, &opts);

		if (err < 0)
			return err;
	}
	done = true;
	return 0;
}

uint64_t load_missed(int program)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	return program >= 0 && !bpf_obj_get_info_by_fd(program, &info, &len) ? info.recursion_misses
									     : 0;
}
