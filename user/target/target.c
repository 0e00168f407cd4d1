/* SPDX-License-Identifier: Apache-2.0 */
#include "target/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const target_states[] = {
	[TARGET_WAITING] = "waiting", [TARGET_ATTACHED] = "attached", [TARGET_GONE] = "gone"};

int target_init_apart(struct target *t, const struct config_target *config)
{
	memset(t, 0, sizeof(*t));
	t->selector.process = -1;
	t->never_forwards = config->never_forwards;
	t->name = strdup(config->name);
	t->lock = malloc(sizeof(pthread_mutex_t));
	if (!t->name || !t->lock) {
		free(t->name);
		free(t->lock);
		memset(t, 0, sizeof(*t));
		return -ENOMEM;
	}
	pthread_mutex_init(t->lock, NULL);
	return 0;
}

int target_init(struct target *t, const struct config_target *config, const char *mount, char *why,
		size_t why_len)
{
	struct config_target named = *config;
	int err = target_init_apart(t, config);

	if (err)
		return err;
	named.name = t->name;
	err = selector_init(&t->selector, &named, mount, why, why_len);
	if (err)
		target_fini(t);
	return err;
}

void target_fini(struct target *t)
{
	for (size_t i = 0; i < t->cgroups_len; i++) {
		cgroup_close(&t->cgroups[i]->cgroup);
		free(t->cgroups[i]);
	}
	free(t->cgroups);
	selector_fini(&t->selector);
	free(t->name);
	pthread_mutex_destroy(t->lock);
	free(t->lock);
	memset(t, 0, sizeof(*t));
}

struct target_status target_status(const struct target *t)
{
	struct target_status s;

	pthread_mutex_lock(t->lock);
	s = t->status;
	pthread_mutex_unlock(t->lock);
	return s;
}

void target_set_status(struct target *t, const struct target_status *status)
{
	pthread_mutex_lock(t->lock);
	t->status = *status;
	pthread_mutex_unlock(t->lock);
}

/* The paths of the cgroups that are there, malloc'ed. */
static char **copy_paths(const struct target *t, size_t *len)
{
	char **paths;

	*len = 0;
	pthread_mutex_lock(t->lock);
	paths = calloc(t->cgroups_len + 1, sizeof(*paths));
	for (size_t i = 0; paths && i < t->cgroups_len; i++) {
		if (!t->cgroups[i]->left_ns)
			paths[*len] = strdup(t->cgroups[i]->cgroup.path);
		*len += paths[*len] != NULL;
	}
	pthread_mutex_unlock(t->lock);
	return paths;
}

/* Listing takes long: the lock is not held meanwhile, and a cgroup may go. */
void target_each_process(const struct target *t, void (*each)(void *context, pid_t pid),
			 void *context)
{
	size_t len;
	char **paths = copy_paths(t, &len);

	for (size_t i = 0; i < len; i++) {
		cgroup_each_process(paths[i], each, context);
		free(paths[i]);
	}
	free(paths);
}
