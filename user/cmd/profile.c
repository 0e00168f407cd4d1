/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c - `telltale profile`: where a packet's time goes, in a running connector. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/profile_session.h"
#include "config/config.h"
#include "config/profiling.h"
#include "config/text.h"
#include "profile/output.h"
#include "profile/report.h"
#include "release/vocabulary.h"
#include "tap/host.h"
#include "tap/sampler.h"

#define FOR_MS     30000
#define FOR_MS_MAX 3600000
#define FILES_MAX  8
#define HZ         99 /* not a divisor of what else happens so often */

enum {
	OPTION_FOR = 256,
	OPTION_JSON,
	OPTION_DEPENDENCY,
	OPTION_PEER,
	OPTION_OUTCOME,
	OPTION_SLOWEST,
	OPTION_HZ,
	OPTION_OUTPUT
};

struct arguments {
	struct command_config config;
	uint32_t for_ms;
	bool json;
	const char *files[FILES_MAX]; /* to write */
	size_t files_len;
	unsigned hz;
	struct report_params report;
	struct config_dependency added[DEPENDENCIES_PORTS_MAX]; /* by --dependency */
	size_t added_len;
	struct dependencies dependencies;
};

static const struct argp_option options[] = {
	{"for", OPTION_FOR, "TIME", 0, "How long to look on, as in 30s or 5m (default: 30s)", 1},
	{"json", OPTION_JSON, NULL, 0, "Print JSON", 1},
	{"dependency", OPTION_DEPENDENCY, "NAME=PORT", 0,
	 "A server that the connector asks, by its TCP port (known: postgresql=5432, redis=6379)",
	 1},
	{"peer", OPTION_PEER, "TEXT", 0, "Only packets to endpoints with this in host and path", 1},
	{"outcome", OPTION_OUTCOME, "WORD", 0, "Only packets that ended so, as in 'rejected'", 1},
	{"slowest", OPTION_SLOWEST, "N", 0, "Show the N slowest packets one by one", 1},
	{"hz", OPTION_HZ, "N", 0, "Take N stacks in a second of CPU time (default: 99; 0: none)",
	 1},
	{"output", OPTION_OUTPUT, "FILE", 0,
	 "Write FILE too, in the form that its name ends in: .html (a page with columns and flame "
	 "graph), .pb.gz (pprof), .folded (flamegraph.pl) or .json",
	 1},
	{"verbose", 'v', NULL, 0, "Log more", 1},
	{0},
};

static void add_dependency(struct arguments *a, char *arg, struct argp_state *state)
{
	char why[CONFIG_WHY] = "", *equals = strrchr(arg, '=');
	uint64_t port;

	if (!equals || equals == arg || config_check_text(arg, (size_t)(equals - arg), why) ||
	    config_parse_number(equals + 1, 1, UINT16_MAX, &port, why)) {
		argp_error(state, "--dependency needs NAME=PORT, as in tigerbeetle=3000, not '%s'",
			   arg);
		return;
	}
	*equals = '\0';
	if (a->added_len == DEPENDENCIES_PORTS_MAX)
		argp_error(state, "more than %d times --dependency", DEPENDENCIES_PORTS_MAX);
	else
		a->added[a->added_len++] = (struct config_dependency){arg, port};
}

static enum outcome find_outcome(const char *word, struct argp_state *state)
{
	for (size_t i = 0; i < vocabulary_outcomes.len; i++) {
		if (!strcmp(vocabulary_outcomes.words[i].label, word))
			return (enum outcome)(i + 1);
	}
	argp_error(state,
		   "there is no outcome '%s'; fulfilled, rejected, expired and unanswered "
		   "are the most frequent",
		   word);
	return OUTCOME_OPEN;
}

static void add_file(struct arguments *a, const char *path, struct argp_state *state)
{
	if (output_form_of(path) == OUTPUT_FORMS)
		argp_error(state,
			   "--output %s: a name ends in .html, .pb.gz, .folded or .json, which "
			   "says what is written",
			   path);
	else if (a->files_len == FILES_MAX)
		argp_error(state, "more than %d times --output", FILES_MAX);
	else
		a->files[a->files_len++] = path;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	char why[CONFIG_WHY] = "";
	uint64_t number;

	switch (key) {
	case OPTION_FOR:
		if (config_parse_duration(arg, 1, FOR_MS_MAX, &a->for_ms, why))
			argp_error(state, "--for %s: %s", arg, why);
		return 0;
	case OPTION_JSON: a->json = true; return 0;
	case OPTION_DEPENDENCY: add_dependency(a, arg, state); return 0;
	case OPTION_PEER: a->report.peer = arg; return 0;
	case OPTION_OUTCOME: a->report.outcome = find_outcome(arg, state); return 0;
	case OPTION_SLOWEST:
		if (config_parse_number(arg, 0, REPORT_SLOWEST_MAX, &number, why))
			argp_error(state, "--slowest %s: %s", arg, why);
		a->report.slowest = (size_t)number;
		return 0;
	case OPTION_OUTPUT: add_file(a, arg, state); return 0;
	case OPTION_HZ:
		if (config_parse_number(arg, 0, SAMPLER_HZ_MAX, &number, why))
			argp_error(state, "--hz %s: %s", arg, why);
		a->hz = (unsigned)number;
		return 0;
	case 'v': log_set_level(LOG_LEVEL_DEBUG); return 0;
	case ARGP_KEY_INIT: state->child_inputs[0] = &a->config; return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&command_config_argp, 0, NULL, 0}, {0}};

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.children = children,
	.doc = "Shows where a packet's time goes in a running connector, which is neither changed "
	       "nor restarted. Needs root. Nothing of it leaves this host."
	       "\v"
	       "The columns of a packet sum to its time exactly:\n"
	       "  receive wait    from the Prepare's arrival until the connector reads it\n"
	       "  connector out   until the outgoing Prepare leaves\n"
	       "  peer and wire   until the peer's reply arrives\n"
	       "  reply wait      until the connector reads that\n"
	       "  connector back  until its own reply leaves\n"
	       "\n"
	       "In the connector, its thread is \"on CPU\", \"waiting for CPU\" (its quota is used "
	       "up, or other programs run) or \"not runnable\" (it waits for something, or was "
	       "stopped). A dependency's name says that its answer was under way meanwhile. What "
	       "goes over a Unix socket, to a disk or to a port that has no name here is \"cause "
	       "not "
	       "seen\".\n"
	       "\n"
	       "The work of a thread cannot be divided between packets that it has in hand at "
	       "once. Only packets that were alone in their process are split, and their share "
	       "is shown. Of the others there are totals.\n"
	       "\n"
	       "Below the columns stands what the connector did on a CPU while a packet was in "
	       "hand: functions and lines of JavaScript (Node.js 20, 22 and 24), of native code "
	       "and of the kernel. \"itself\" is the function alone, \"with callees\" what it "
	       "called too. The page of --output FILE.html has it as a flame graph.\n"
	       "\n"
	       "  telltale profile --for 30s\n"
	       "  telltale profile --for 5m --outcome rejected --slowest 10\n"
	       "  telltale profile --output packet.html --output packet.pb.gz\n"
	       "  telltale profile --dependency postgresql=6432 --json",
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

/* What was seen goes to the terminal, or to whatever standard output is, and into files. */
static int print(const struct arguments *a, struct session *session, const struct report *report,
		 const struct held *held)
{
	struct report_session heading = {
		.ns = session_ns(session),
		.end_ns = session_end_ns(session),
		.no_clock = session_no_clock(session),
		.no_dependencies = session_no_dependencies(session),
		.shortened = session_shortened(session),
		.hot = session_hot(session),
	};
	const struct output o = {
		.report = report,
		.session = &heading,
		.tape = session_tape(session),
		.wall_ns = (int64_t)clock_wall_ns() - (int64_t)session_ns(session),
	};
	struct rusage own;
	int err = 0, failed;

	heading.hot.held = held;
	if (!getrusage(RUSAGE_SELF, &own)) {
		heading.own_cpu_ns = ns_of(own.ru_utime) + ns_of(own.ru_stime);
		heading.own_bytes = (uint64_t)own.ru_maxrss * 1024;
	}
	if (a->json)
		err = output_print_json(&o, stdout);
	else
		report_print(report, &heading, stdout);
	for (size_t i = 0; i < a->files_len; i++) {
		failed = output_write(&o, a->files[i]);
		if (failed == -EINVAL)
			log_err("profile", "%s takes stacks, and there are none", a->files[i]);
		else if (failed)
			log_err("profile", "cannot write %s: %s", a->files[i], strerror(-failed));
		err = failed ? failed : err;
	}
	return err;
}

/* What was seen, from the session to the report. 0 or -ENOMEM. */
static int show(const struct arguments *a, struct session *session)
{
	const struct stacks *stacks = session_stacks(session);
	uint64_t in_hand[STRIP_STATES] = {0};
	struct report *report = report_new(&a->report);
	struct held held = {0};
	int err;

	if (!report)
		return -ENOMEM;
	err = hops_judge(session_hops(session), session_tape(session), report_add, report);
	if (!err && stacks)
		err = held_init(&held, stacks, session_hops(session), session_tape(session),
				(uint64_t)NS_PER_S / a->hz, session_end_ns(session));
	if (err)
		goto out;
	hops_in_hand(session_hops(session), session_tape(session), in_hand);
	report_in_hand(report, in_hand);
	err = print(a, session, report, stacks ? &held : NULL);
out:
	held_fini(&held);
	report_free(report);
	return err;
}

/* Those that are known, of the configuration, and of the command line. False: there are too many.
 */
static bool find_dependencies(struct arguments *a, const struct config *config)
{
	int err = 0;

	config_dependencies(config, &a->dependencies);
	for (size_t i = 0; i < a->added_len && !err; i++)
		err = dependencies_add(&a->dependencies, a->added[i].name,
				       (uint16_t)a->added[i].port);
	if (err)
		log_err("profile", "more than %d dependencies or %d ports", TAPE_CLASSES_MAX,
			DEPENDENCIES_PORTS_MAX);
	for (size_t i = 1; i <= TAPE_CLASSES_MAX; i++)
		a->report.classes[i].name = a->dependencies.names[i];
	return !err;
}

static int profile(struct arguments *a, const struct config *config)
{
	struct session *session = NULL;
	int err = session_open(config, &a->dependencies, a->hz, &session);

	if (!err) {
		a->report.endpoint = session_endpoint;
		a->report.context = session;
		if (session_no_clock(session))
			log_warn("profile", "no clocks: %s", session_no_clock(session));
		if (session_hot(session).no_stacks)
			log_warn("profile", "no stacks: %s", session_hot(session).no_stacks);
		log_info("profile", "ready: looking on for %g s", a->for_ms / 1000.0);
		session_run(session, a->for_ms * (uint64_t)NS_PER_MS, &ended);
		err = show(a, session);
	}
	if (err == -ENOMEM)
		log_err("profile", "out of memory");
	session_close(session);
	return err;
}

int cmd_profile(int argc, char **argv)
{
	const struct sigaction on_end = {.sa_handler = end};
	struct arguments a = {.for_ms = FOR_MS, .hz = HZ};
	struct config *config = NULL;
	char lacking[256];
	int status = EXIT_FAILURE;

	if (argp_parse(&parser, argc, argv, 0, NULL, &a))
		goto out;
	log_route_libbpf();
	config = command_config_load(&a.config);
	if (!config)
		goto out;
	if (!config->targets_len) {
		log_err("profile", "there is nothing to observe; name the connector with --unit, "
				   "--pid or --cgroup, or under `targets:`");
		goto out;
	}
	if (!find_dependencies(&a, config))
		goto out;
	if (!host_may_start(lacking, sizeof(lacking))) {
		log_err("profile", "%s", lacking);
		goto out;
	}
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	if (!profile(&a, config))
		status = EXIT_SUCCESS;
out:
	config_free(config);
	return status;
}
