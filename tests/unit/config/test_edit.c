/* SPDX-License-Identifier: Apache-2.0 */
/* edit: consent is given and taken back in an operator's file, and all else in it stays. */
#include "tests/unit/support/configuring.h"

#include <sys/stat.h>

#include "config/edit.h"
#include "config/file.h"

static const struct config_target alice[] = {
	{.kind = TARGET_UNIT, .name = (char *)"alice.service"}};
static const struct config_target two[] = {
	{.kind = TARGET_UNIT, .name = (char *)"alice.service"},
	{.kind = TARGET_CGROUP, .name = (char *)"/pods/*/main"},
};

static const struct config_edit testnet = {
	.enabled = true, .network = NETWORK_TESTNET, .targets = alice, .targets_len = 1};
static const struct config_edit livenet = {
	.enabled = true, .network = NETWORK_LIVENET, .targets = alice, .targets_len = 1};
static const struct config_edit both = {
	.enabled = true, .network = NETWORK_TESTNET, .targets = two, .targets_len = 2};
static const struct config_edit no_target = {.enabled = true, .network = NETWORK_TESTNET};
static const struct config_edit off = {.enabled = false};

struct edited {
	const struct config_edit *edit;
	const char *before, *after;
};

static const struct edited edits[] = {
	/* an empty file, and one of comments only */
	{&testnet, "", "enabled: true\nnetwork: testnet\ntargets:\n  - unit: alice.service\n"},
	{&off, "# mine\n", "# mine\nenabled: false\n"},
	{&testnet, "# mine",
	 "# mine\nenabled: true\nnetwork: testnet\ntargets:\n  - unit: alice.service"},
	/* values are replaced where they stand; comments stay beside them */
	{&testnet, "# why\nenabled: false   # not yet\n\nnetwork: livenet # soon\n",
	 "# why\nenabled: true   # not yet\ntargets:\n  - unit: alice.service\n\n"
	 "network: testnet # soon\n"},
	{&no_target, "enabled: \"false\"\n", "enabled: true\nnetwork: testnet\n"},
	/* a file without `enabled` gets it before its first key */
	{&no_target, "# top\n\n# page\nlisten: none\n",
	 "# top\n\n# page\nenabled: true\nnetwork: testnet\nlisten: none\n"},
	/* targets are added below those that are there, at their indentation */
	{&both,
	 "enabled: true\nnetwork: testnet\ntargets:\n- unit: bob.service # him\n# end\nlisten: "
	 "none\n",
	 "enabled: true\nnetwork: testnet\ntargets:\n- unit: bob.service # him\n"
	 "- unit: alice.service\n- cgroup: \"/pods/*/main\"\n# end\nlisten: none\n"},
	{&testnet,
	 "enabled: true\nnetwork: testnet\ntargets:\n    - cgroup: /a\n      forwards: never\n",
	 "enabled: true\nnetwork: testnet\ntargets:\n    - cgroup: /a\n      forwards: never\n"
	 "    - unit: alice.service\n"},
	{&testnet, "enabled: true\nnetwork: testnet\ntargets: [{pid: 1} , ] # x",
	 "enabled: true\nnetwork: testnet\ntargets: [{pid: 1}, {unit: alice.service} , ] # x"},
	{&both, "enabled: true\nnetwork: testnet\ntargets: []\n",
	 "enabled: true\nnetwork: testnet\n"
	 "targets: [{unit: alice.service}, {cgroup: \"/pods/*/main\"}]\n"},
	/* what is there already is not added again */
	{&both, "targets:\n  - unit: alice.service\nenabled: true\nnetwork: testnet\n",
	 "targets:\n  - unit: alice.service\n  - cgroup: \"/pods/*/main\"\n"
	 "enabled: true\nnetwork: testnet\n"},
	{&testnet, "network: testnet\nenabled: true\ntargets: [{unit: alice.service}]\n",
	 "network: testnet\nenabled: true\ntargets: [{unit: alice.service}]\n"},
	/* characters of several bytes before a value do not shift it */
	{&no_target, "instance: Zürich € 𝔸\nenabled: false\n",
	 "instance: Zürich € 𝔸\nenabled: true\nnetwork: testnet\n"},
	/* livenet has a consent of its own, which goes with everything else */
	{&livenet, "enabled: false\n",
	 "enabled: true\nnetwork: livenet\nlivenet_enabled: true\ntargets:\n"
	 "  - unit: alice.service\n"},
	{&no_target, "enabled: true\nnetwork: livenet\nlivenet_enabled: true\n",
	 "enabled: true\nnetwork: testnet\nlivenet_enabled: false\n"},
	{&off, "enabled: true\nnetwork: livenet\nlivenet_enabled: true\ntargets: [{pid: 1}]\n",
	 "enabled: false\nnetwork: livenet\nlivenet_enabled: false\ntargets: [{pid: 1}]\n"},
	/* an indented document, and one that begins and ends as YAML allows */
	{&no_target, "  enabled: false\n  listen: none\n",
	 "  enabled: true\n  network: testnet\n  listen: none\n"},
	{&no_target, "---\nenabled: false\n...\n", "---\nenabled: true\nnetwork: testnet\n...\n"},
};

static void each_edit_changes_what_it_is_for_and_nothing_else(void **state)
{
	char why[CONFIG_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		size_t len;
		char *out;

		assert_int_equal(config_edit(edits[i].before, strlen(edits[i].before),
					     edits[i].edit, &out, &len, why),
				 0);
		assert_string_equal(out, edits[i].after);
		assert_int_equal(len, strlen(out));
		free(out);
	}
}

static void an_edit_made_twice_changes_nothing_more(void **state)
{
	char why[CONFIG_WHY], *once, *twice;
	size_t len, again;

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		assert_int_equal(config_edit(edits[i].before, strlen(edits[i].before),
					     edits[i].edit, &once, &len, why),
				 0);
		assert_int_equal(config_edit(once, len, edits[i].edit, &twice, &again, why), 0);
		assert_string_equal(once, twice);
		free(once);
		free(twice);
	}
}

/* A text that cannot be edited without touching what is the operator's, and part of the reason. */
static void what_cannot_be_edited_safely_is_left_alone(void **state)
{
	static const struct {
		const char *text, *why;
	} refused[] = {
		{"{enabled: false}\n", "not made of lines"},
		{"- enabled\n", "not made of lines"},
		{"enabled: [true\n", "not YAML"},
		{"enabled: false\n---\nenabled: false\n", "more than one document"},
		{"\xef\xbb\xbf"
		 "enabled: false\n",
		 "not plain UTF-8"},
		{"enabled: {a: b}\n", "not a single value"},
		{"targets: {unit: a.service}\n", "not a list"},
		/* What the anchor stands for would change elsewhere too. */
		{"rates: {network: &no false}\nenabled: *no\n", "something else"},
		{"enabled: &no false\nrates: *no\n", ""},
		{"enabled: true\ntargets: &t [{pid: 1}]\npeers: *t\n", ""},
		/* Where the last line of a block scalar ends is not clear. */
		{"targets:\n  - unit: |-\n      a.service\n\n  # end\nlisten: none\n",
		 "where `targets`"},
	};
	char why[CONFIG_WHY], *out;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(config_edit(refused[i].text, strlen(refused[i].text), &testnet,
					     &out, &len, why),
				 -EINVAL);
		assert_null(out);
		assert_contains(why, refused[i].why);
	}
}

static void a_document_whose_aliases_multiply_does_no_harm(void **state)
{
	static const char text[] = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
				   "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c]\n"
				   "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n"
				   "enabled: false\n";
	char why[CONFIG_WHY], *out;
	size_t len;

	(void)state;
	assert_int_equal(config_edit(text, sizeof(text) - 1, &testnet, &out, &len, why), -EINVAL);
	assert_null(out);
}

static void the_installed_example_can_be_enabled_and_disabled(void **state)
{
	char why[CONFIG_WHY], *text, *on, *back;
	struct config *c = NULL;
	size_t len, on_len;

	(void)state;
	assert_int_equal(config_read("scripts/deploy/telltale.yaml", stderr, &text, &len), 0);
	assert_int_equal(config_edit(text, len, &livenet, &on, &on_len, why), 0);
	assert_int_equal(config_load_text("t.yaml", on, on_len, NULL, stderr, &c), 0);
	assert_null(config_consent(c));
	assert_int_equal(c->network, NETWORK_LIVENET);
	assert_string_equal(c->targets[c->targets_len - 1].name, "alice.service");
	config_free(c);
	config_text_free(text, len);
	assert_int_equal(config_edit(on, on_len, &off, &back, &len, why), 0);
	assert_int_equal(config_load_text("t.yaml", back, len, NULL, stderr, &c), 0);
	assert_non_null(config_consent(c));
	assert_false(c->livenet_enabled);
	config_free(c);
	free(on);
	free(back);
}

static void the_lines_to_write_by_hand_say_the_same(void **state)
{
	struct config *c = NULL;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	config_edit_print(&livenet, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(config_load_text("t.yaml", text, len, NULL, stderr, &c), 0);
	assert_null(config_consent(c));
	assert_int_equal(c->targets_len, 1);
	config_free(c);
	free(text);
}

static void a_file_keeps_its_mode_and_a_link_its_file(void **state)
{
	char link[sizeof(path) + 8], *text;
	struct stat st;
	size_t len;

	(void)state;
	write_file("enabled: false\n", 15);
	assert_int_equal(chmod(path, 0640), 0);
	snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(config_file_write(link, "enabled: true\n", 14), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(config_read(path, stderr, &text, &len), 0);
	assert_string_equal(text, "enabled: true\n");
	config_text_free(text, len);
	unlink(link);
	unlink(path);
	/* A new file is nobody else's to read or write. */
	assert_int_equal(config_file_write(path, "", 0), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0027, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_edit_changes_what_it_is_for_and_nothing_else),
		cmocka_unit_test(an_edit_made_twice_changes_nothing_more),
		cmocka_unit_test(what_cannot_be_edited_safely_is_left_alone),
		cmocka_unit_test(a_document_whose_aliases_multiply_does_no_harm),
		cmocka_unit_test(the_installed_example_can_be_enabled_and_disabled),
		cmocka_unit_test(the_lines_to_write_by_hand_say_the_same),
		cmocka_unit_test(a_file_keeps_its_mode_and_a_link_its_file),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
