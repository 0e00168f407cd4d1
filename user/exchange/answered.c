/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/answered.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/table.h"

struct id {
	struct table_node node;
	struct table_hook by_id;
	struct table_place age;
	uint64_t request_id;
	uint8_t target, role;
};

struct answered {
	struct table table;
	struct table_index by_id;
	struct table_shares age;
};

struct answered *answered_new(void)
{
	struct answered *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	if (table_init(&a->table, ANSWERED_MAX, sizeof(struct id)) ||
	    table_index_init(&a->by_id, &a->table, offsetof(struct id, by_id))) {
		answered_free(a);
		return NULL;
	}
	table_shares_init(&a->age, &a->table, offsetof(struct id, age));
	return a;
}

void answered_free(struct answered *a)
{
	if (!a)
		return;
	table_index_fini(&a->by_id);
	table_fini(&a->table);
	free(a);
}

static uint64_t hash_of(uint8_t target, uint8_t role, uint64_t request_id)
{
	return table_hash(request_id, (uint64_t)target << 8 | role);
}

static struct id *find(const struct answered *a, uint8_t target, uint8_t role, uint64_t request_id)
{
	struct id *id = table_index_first(&a->by_id, hash_of(target, role, request_id));

	while (id && !(id->request_id == request_id && id->target == target && id->role == role))
		id = table_index_next(&a->by_id, id);
	return id;
}

static void forget(struct answered *a, struct id *id)
{
	table_list_remove(table_shares_of(&a->age, id->target), id);
	table_index_remove(&a->by_id, id);
	table_release(&a->table, id);
}

void answered_note(struct answered *a, uint8_t target, uint8_t role, uint64_t request_id)
{
	struct id *id = find(a, target, role, request_id);

	if (id)
		forget(a, id);
	else if (a->table.used == a->table.capacity)
		forget(a, table_list_first(table_shares_longest(&a->age, target)));
	id = table_take(&a->table);
	id->request_id = request_id;
	id->target = target;
	id->role = role;
	table_index_add(&a->by_id, id, hash_of(target, role, request_id));
	table_list_append(table_shares_of(&a->age, target), id);
}

bool answered_lately(const struct answered *a, uint8_t target, uint8_t role, uint64_t request_id)
{
	return find(a, target, role, request_id) != NULL;
}
