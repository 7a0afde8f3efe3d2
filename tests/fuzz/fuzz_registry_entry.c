/*
 * The JSON of a registry entry, and of a node's heartbeat: encoded again it is the same.
 */
#include "shared/nodes.h"
#include "shared/registry.h"
#include "tests/fuzz/fuzz.h"

static void check_entry(const struct registry_entry *e, size_t bytes)
{
    struct registry_entry again;
    struct buf json;

    buf_init(&json, 6 * bytes + 1024);
    registry_entry_encode(e, &json);
    assert(registry_entry_decode(slice_of(e->session_id), fuzz_bytes(&json), &again) == ERR_OK);
    assert(strcmp(e->addr, again.addr) == 0 && strcmp(e->node_id, again.node_id) == 0);
    assert(strcmp(e->boot, again.boot) == 0);
    assert(strcmp(e->address.page, again.address.page) == 0);
    assert(e->since_ms == again.since_ms && e->until_ms == again.until_ms);
    buf_finish(&json);
}

static void check_node(const struct node_info *n, size_t bytes)
{
    struct node_info again;
    struct buf json;

    buf_init(&json, 6 * bytes + 1024);
    nodes_encode(n, &json);
    assert(nodes_decode(slice_of(n->node_id), fuzz_bytes(&json), &again) == ERR_OK);
    assert(strcmp(n->addr, again.addr) == 0 && strcmp(n->boot, again.boot) == 0);
    assert(strcmp(n->state, again.state) == 0 && strcmp(n->version, again.version) == 0);
    assert(n->sessions == again.sessions && n->at_ms == again.at_ms);
    buf_finish(&json);
}

void fuzz(struct slice input)
{
    struct registry_entry entry;
    struct node_info node;

    if (registry_entry_decode(slice_of("AAAAAAAAAAAAAAAAAAAAAA"), input, &entry) == ERR_OK) {
        check_entry(&entry, input.len);
    }
    if (nodes_decode(slice_of("node-a"), input, &node) == ERR_OK) {
        check_node(&node, input.len);
    }
}
