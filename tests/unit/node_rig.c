#include "tests/unit/node_rig.h"

#include <stdio.h>
#include <string.h>

#include "wsnode/loop.h"

#define PAGE_ENTRIES_MAX 100

struct rig rig;

static const struct config config = {
    .registry_session_ttl_ms = 90000,
    .registry_refresh_rate = 200,
    .inbox_resync_interval_ms = 30000,
    .inbox_page_messages = 100,
    .node_queue_max_bytes = 1024,
    .node_ping_interval_ms = 25000,
    .node_pong_timeout_ms = 10000,
    .node_slow_timeout_ms = 20000,
    .node_registry_wait_ms = 5000,
    .node_on_duplicate = ON_DUPLICATE_ALLOW,
    .node_echo = true,
    .topics_allow = "",
    .topics_history = "",
    .topics_max_per_session = 3,
    .node_unread_text = "You have %d unread messages",
    .node_duplicate_text = "You are connected elsewhere too",
};

int rig_start(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    memset(&fake_presence, 0, sizeof(fake_presence));
    memset(&fake_announce, 0, sizeof(fake_announce));
    memset(&fake_attendance, 0, sizeof(fake_attendance));
    memset(&fake_upstream, 0, sizeof(fake_upstream));
    rig.config = config;
    rig.now_ms = 1000000;
    if (node_init_tables(&rig.node, &rig.config) != ERR_OK) {
        return -1;
    }
    return deliver_create(&rig.node) == ERR_OK ? 0 : -1;
}

static void close_one(struct session *s, void *arg)
{
    (void)arg;
    session_on_closed(&rig.node, s);
}

static void forget_done(void)
{
    if (rig.done_count > 0) {
        envelope_answer_finish(&rig.done);
    }
    rig.done_count = 0;
}

int rig_stop(void **state)
{
    (void)state;
    session_table_each(&rig.node.table, close_one, NULL);
    for (int i = 0; i < rig.socket_count; i++) {
        fake_socket_finish(&rig.sockets[i]);
    }
    forget_done();
    turns_drop(&rig.node);
    deliver_destroy(&rig.node);
    node_finish_tables(&rig.node);
    return 0;
}

void deliver_on_done(struct node *n, uint64_t number, struct envelope_answer *answer)
{
    int count = rig.done_count;

    assert_ptr_equal(n, &rig.node);
    forget_done();
    rig.done_count = count + 1;
    rig.done_number = number;
    rig.done = *answer;
}

struct message_id message_number(int number)
{
    return (struct message_id){(uint64_t)number, 0};
}

struct slice payload_of(int number)
{
    static char texts[1000][sizeof("{\"json\":-2147483648}")];

    assert_in_range(number, 0, 999);
    snprintf(texts[number], sizeof(texts[number]), "{\"json\":%d}", number);
    return slice_of(texts[number]);
}

static struct session *connect_with(
    struct socket *socket, const struct session_handshake *handshake)
{
    fake_socket_init(socket);
    struct session *s = session_on_open(&rig.node, socket, handshake, rig.now_ms);
    assert_non_null(s);
    return s;
}

struct session *rig_connect_on(
    struct socket *socket, const struct format *format, const char *last_id)
{
    struct session_handshake handshake = {.address = {"pc", "home", "u1"}, .format = format};

    snprintf(handshake.last_id, sizeof(handshake.last_id), "%s", last_id);
    return connect_with(socket, &handshake);
}

struct session *rig_connect_to(
    struct socket *socket, const struct format *format, const struct address *address)
{
    struct session_handshake handshake = {.address = *address, .format = format};

    return connect_with(socket, &handshake);
}

struct session *rig_connect(const struct format *format, const char *last_id)
{
    assert_in_range(rig.socket_count, 0, RIG_SOCKETS_MAX - 1);
    return rig_connect_on(&rig.sockets[rig.socket_count++], format, last_id);
}

/* Borrows a static array: one page at a time. */
static struct inbox_page page_of(const int *numbers)
{
    static struct inbox_entry entries[PAGE_ENTRIES_MAX];
    struct inbox_page page = {.entries = entries};

    for (; numbers[page.count]; page.count++) {
        int number = numbers[page.count];
        assert_true(page.count < PAGE_ENTRIES_MAX);
        entries[page.count] =
            (struct inbox_entry){.id = message_number(number), .payload = payload_of(number)};
        page.last = entries[page.count].id;
    }
    return page;
}

static void answer_open(struct session *s, const int *numbers, int position, bool more)
{
    struct registry_opened opened = {
        .position = message_number(position),
        .recovered = true,
        .page = page_of(numbers),
    };

    opened.missed = (int64_t)opened.page.count;
    opened.unread = opened.missed;
    opened.start = message_id_is_zero(s->watermark) ? (struct message_id){0, 0} : s->watermark;
    opened.cursors.filter = message_id_is_zero(s->watermark);
    opened.page.more = more;
    if (!more) {
        opened.page.last = opened.position;
    }
    session_after_open(&rig.node, s, &opened);
}

void rig_open(struct session *s, const int *numbers, int position)
{
    answer_open(s, numbers, position, false);
}

void rig_open_more(struct session *s, const int *numbers, int position)
{
    answer_open(s, numbers, position, true);
}

void rig_fetch(struct session *s, const int *numbers, int last, bool more)
{
    struct inbox_fetched fetched = {.page = page_of(numbers)};

    fetched.page.last = message_number(last);
    fetched.page.more = more;
    session_after_fetch(&rig.node, s, &fetched);
}

void rig_refresh(struct session *s, int position)
{
    struct registry_refreshed refreshed = {.position = message_number(position)};

    session_after_refresh(&rig.node, s, &refreshed, s->watermark);
}

struct session *rig_live(const struct format *format, int position)
{
    struct session *s = rig_connect(format, "");

    rig_open(s, NONE, position);
    assert_int_equal(s->state, SESSION_LIVE);
    rig_discard_frames(s);
    return s;
}

static enum delivery_status forward(struct session *s, const struct envelope_message *m)
{
    struct payload *frames[FORMAT_COUNT] = {NULL};
    struct session_forward f = {.message = m, .frames = frames};

    enum delivery_status status = session_forward(&rig.node, s, &f);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        payload_unref(frames[i]);
    }
    return status;
}

enum delivery_status rig_forward(struct session *s, int number, int previous)
{
    struct envelope_message message = {
        .durable = true,
        .id = message_number(number),
        .prev_id = message_number(previous),
        .payload = payload_of(number),
    };

    return forward(s, &message);
}

enum delivery_status rig_forward_volatile(struct session *s, const char *payload)
{
    struct envelope_message message = {.payload = slice_of(payload)};

    return forward(s, &message);
}

void rig_text(struct session *s, const char *frame)
{
    session_on_text(&rig.node, s, slice_of(frame), rig.now_ms);
}

void rig_writable(struct session *s, int takes)
{
    fake_socket_unblock(s->socket, takes);
    session_on_writable(&rig.node, s);
}

void rig_pass(int64_t ms)
{
    rig.now_ms += ms;
    session_on_tick(&rig.node, rig.now_ms);
    deliver_on_tick(&rig.node, rig.now_ms);
}

void loop_want_turns(struct node *n, bool wanted)
{
    assert_ptr_equal(n, &rig.node);
    rig.wants_turns = wanted;
}

void rig_turn(void)
{
    assert_true(rig.wants_turns);
    turns_go_on(&rig.node, rig.now_ms);
}

void rig_discard_frames(struct session *s)
{
    fake_socket_finish(s->socket);
}
