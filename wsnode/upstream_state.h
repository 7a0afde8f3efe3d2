/*
 * What the files of upstream share: upstream.c (the whole), upstream_stream.c and upstream_hook.c
 * (where it goes). Nobody else includes it.
 */
#ifndef WSNODE_UPSTREAM_STATE_H
#define WSNODE_UPSTREAM_STATE_H

#include "shared/upstream.h"
#include "wsnode/lines.h"
#include "wsnode/upstream.h"
#include "wsnode/window.h"

/* One message. Its texts stand one after another in bytes. */
struct upstream_item {
    struct line_item item; /* first */
    uint64_t number;       /* of the node's messages since its start */
    int64_t time_ms;       /* wall clock */
    int64_t sent_ms;       /* monotonic: if it is under way */
    char session_id[SESSION_ID_BYTES];
    struct address address;
    size_t to_len;
    size_t ref_len;
    size_t text_len;
    bool is_json;
    char bytes[];
};

/* Where messages go. */
struct upstream_sink {
    enum err late; /* what a client is told whose message was never answered in time */
    enum err (*create)(struct node *n);
    void (*stop)(struct node *n);
    void (*destroy)(struct node *n);
    bool (*is_free)(const struct node *n); /* one more may be sent */
    /* ERR_OK: upstream_after_send() comes with the item, never inside of this call. */
    enum err (*send)(
        struct node *n, struct upstream_item *item, const struct upstream_message *message);
};
extern const struct upstream_sink upstream_stream, upstream_hook;

struct upstream {
    const struct upstream_sink *sink;
    struct lines lines;
    uint64_t number;
    bool stopped;
    struct window window;     /* stream */
    struct http_client *http; /* owned; hook */
};

struct upstream_result {
    enum err err;       /* ERR_OK: it was taken */
    bool is_final;      /* not worth another try */
    struct slice reply; /* the backend's, as JSON; len 0: none */
};
/* Also sends what there is room for now. */
void upstream_after_send(
    struct node *n, struct upstream_item *item, const struct upstream_result *result);

#endif
