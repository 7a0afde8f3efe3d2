/*
 * Connects, opens channels, and says why a connection is lost.
 */
#include "wsctl/broker.h"

#include <amqp_tcp_socket.h>
#include <stdlib.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/log.h"

/* On top of the longest send, during which no heartbeat goes out. */
#define HEARTBEAT_S 30
#define FRAME_BYTES_MAX 131072
#define CONNECT_TIMEOUT_S 5
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

enum err broker_init(struct broker *b, const struct config *config, struct problem *p)
{
    *b = (struct broker){.config = config, .url = strdup(config->consume_url)};
    if (!b->url) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    if (amqp_parse_url(b->url, &b->place) != AMQP_STATUS_OK) {
        free(b->url);
        return problem_set(p, ERR_BAD_VALUE, "consume.url",
            "consume.url: must be amqp://[user:password@]host[:port][/vhost]");
    }
    return ERR_OK;
}

static void disconnect(struct broker *b)
{
    if (b->connection) {
        (void)amqp_destroy_connection(b->connection);
    }
    b->connection = NULL;
}

void broker_finish(struct broker *b)
{
    if (b->connection) {
        (void)amqp_connection_close(b->connection, AMQP_REPLY_SUCCESS);
    }
    disconnect(b);
    free(b->url);
}

/* What went wrong, from three places */

struct slice broker_slice(amqp_bytes_t bytes)
{
    return (struct slice){bytes.bytes, bytes.len};
}

struct slice broker_words(const amqp_method_t *method)
{
    switch (method->id) {
    case AMQP_CHANNEL_CLOSE_METHOD:
        return broker_slice(((amqp_channel_close_t *)method->decoded)->reply_text);
    case AMQP_CONNECTION_CLOSE_METHOD:
        return broker_slice(((amqp_connection_close_t *)method->decoded)->reply_text);
    default:
        break;
    }
    const char *name = amqp_method_name(method->id);
    return slice_of(name ? name : "an unknown method");
}

static struct slice reason_of(const amqp_rpc_reply_t *reply)
{
    switch (reply->reply_type) {
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return slice_of(amqp_error_string2(reply->library_error));
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return broker_words(&reply->reply);
    case AMQP_RESPONSE_NONE:
    case AMQP_RESPONSE_NORMAL:
        break;
    }
    return slice_of("no answer");
}

bool broker_lose(struct broker *b, const char *step, struct slice why)
{
    log_limited(LOG_WARN, "queue out of reach", "queue=\"%s\" host=%s step=%s why=\"%.*s\"",
        b->config->consume_queue, b->place.host, step, (int)why.len, why.at);
    disconnect(b);
    return false;
}

bool broker_check_reply(struct broker *b, const char *step, amqp_rpc_reply_t reply)
{
    return reply.reply_type == AMQP_RESPONSE_NORMAL || broker_lose(b, step, reason_of(&reply));
}

bool broker_check_status(struct broker *b, const char *step, int status)
{
    return status == AMQP_STATUS_OK || broker_lose(b, step, slice_of(amqp_error_string2(status)));
}

/* Connecting */

static bool open_socket(struct broker *b)
{
    const struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
    amqp_socket_t *socket = amqp_tcp_socket_new(b->connection);

    if (!socket) {
        return broker_check_status(b, "connect", AMQP_STATUS_NO_MEMORY);
    }
    int status = amqp_socket_open_noblock(socket, b->place.host, b->place.port, &timeout);
    if (!status) {
        status = amqp_set_handshake_timeout(b->connection, &timeout);
    }
    if (!status) {
        status = amqp_set_rpc_timeout(b->connection, &timeout);
    }
    return broker_check_status(b, "connect", status);
}

static bool log_in(struct broker *b)
{
    int heartbeat_s = HEARTBEAT_S + (int)(b->config->consume_timeout_ms / 1000);

    return broker_check_reply(b, "login",
        amqp_login(b->connection, b->place.vhost, 0, FRAME_BYTES_MAX, heartbeat_s,
            AMQP_SASL_METHOD_PLAIN, b->place.user, b->place.password));
}

static bool open_channel(struct broker *b, amqp_channel_t channel)
{
    amqp_channel_open(b->connection, channel);
    return broker_check_reply(b, "channel", amqp_get_rpc_reply(b->connection));
}

bool broker_has_dead_letters(const struct broker *b)
{
    return *b->config->consume_dead_letters;
}

/* A message to a queue that is not there would be thrown away without a word. */
bool broker_check_dead_letters(struct broker *b)
{
    amqp_bytes_t name = amqp_cstring_bytes(b->config->consume_dead_letters);

    amqp_queue_declare(
        b->connection, BROKER_DEAD_CHANNEL, name, true, false, false, false, amqp_empty_table);
    return broker_check_reply(b, "dead_letters", amqp_get_rpc_reply(b->connection));
}

static bool open_dead_letters(struct broker *b)
{
    if (!broker_has_dead_letters(b)) {
        return true;
    }
    if (!open_channel(b, BROKER_DEAD_CHANNEL) || !broker_check_dead_letters(b)) {
        return false;
    }
    amqp_tx_select(b->connection, BROKER_DEAD_CHANNEL);
    return broker_check_reply(b, "transaction", amqp_get_rpc_reply(b->connection));
}

static bool start_consuming(struct broker *b)
{
    amqp_basic_qos(b->connection, BROKER_CHANNEL, 0, (uint16_t)b->config->consume_batch, false);
    if (!broker_check_reply(b, "prefetch", amqp_get_rpc_reply(b->connection))) {
        return false;
    }
    amqp_basic_consume(b->connection, BROKER_CHANNEL, amqp_cstring_bytes(b->config->consume_queue),
        amqp_empty_bytes, false, false, false, amqp_empty_table);
    return broker_check_reply(b, "consume", amqp_get_rpc_reply(b->connection));
}

static bool connect_now(struct broker *b)
{
    b->connection = amqp_new_connection();
    if (!b->connection) {
        return false;
    }
    return open_socket(b) && log_in(b) && open_channel(b, BROKER_CHANNEL) && open_dead_letters(b) &&
           start_consuming(b);
}

bool broker_connect(struct broker *b)
{
    int64_t now_ms = clock_mono_ms();

    if (b->connection) {
        return true;
    }
    if (now_ms < b->backoff.due_ms) {
        return false;
    }
    if (!connect_now(b)) {
        backoff_fail(&b->backoff, now_ms, RETRY_MIN_MS, RETRY_MAX_MS);
        return false;
    }
    backoff_reset(&b->backoff);
    log_info(
        "connected to the queue", "queue=\"%s\" host=%s", b->config->consume_queue, b->place.host);
    return true;
}
