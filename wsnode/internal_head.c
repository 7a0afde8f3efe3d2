/*
 * The head of an internal request: which route, with the secret, of what length and type; and its
 * query.
 */
#include <libwebsockets.h>
#include <string.h>
#include <strings.h>

#include "shared/auth.h"
#include "shared/envelope.h"
#include "shared/parse.h"
#include "wsnode/internal_http.h"

#define HEADER_BYTES_MAX 1024

static bool copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t out_bytes)
{
    return lws_hdr_total_length(wsi, token) > 0 &&
           lws_hdr_copy(wsi, out, (int)out_bytes, token) > 0;
}

static const char *method_of(struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0) {
        return "GET";
    }
    return lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0 ? "POST" : "";
}

static enum err check_secret(struct internal_request *r, struct problem *p)
{
    char authorization[HEADER_BYTES_MAX];
    bool given =
        copy_header(r->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, authorization, sizeof(authorization));

    const struct config *config = r->node->config;
    enum err err = auth_check_secret(
        config->cluster_secret, config->cluster_secret_also, given ? authorization : NULL);
    return err ? problem_set(p, err, "", NULL) : ERR_OK;
}

/* libwebsockets neither decodes chunks nor validates lengths. */
static enum err check_length(struct internal_request *r, struct problem *p)
{
    char text[32];
    uint64_t length;

    if (lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
        lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0) {
        return problem_set(p, ERR_LENGTH_REQUIRED, "", NULL);
    }
    if (!copy_header(r->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof(text)) ||
        parse_u64(slice_of(text), INT64_MAX, &length)) {
        return problem_set(p, ERR_BAD_LENGTH, "", "Content-Length is not a number");
    }
    if (length > r->body.max) {
        return problem_set(p, ERR_BODY_TOO_LARGE, "", NULL);
    }
    return ERR_OK;
}

static bool is_media_type(const char *content_type, const char *wanted)
{
    size_t len = strcspn(content_type, "; \t");

    return len == strlen(wanted) && strncasecmp(content_type, wanted, len) == 0;
}

static enum err check_content_type(struct internal_request *r, struct problem *p)
{
    char type[HEADER_BYTES_MAX] = "";

    (void)copy_header(r->wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof(type));
    r->is_json = is_media_type(type, "application/json");
    if (r->is_json || (!r->route->wants_json && is_media_type(type, ENVELOPE_MEDIA_TYPE))) {
        return ERR_OK;
    }
    return problem_set(p, ERR_WRONG_CONTENT_TYPE, "", NULL);
}

static bool has_body(const struct internal_request *r, const char *method)
{
    char length[2];

    if (strcmp(method, "POST") != 0) {
        return false;
    }
    if (!r->route->needs_no_body ||
        lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING)) {
        return true;
    }
    return lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 &&
           (!copy_header(r->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof(length)) ||
               strcmp(length, "0") != 0);
}

enum err internal_check_head(
    struct internal_request *r, const char *path, const char **allow, struct problem *p)
{
    const char *method = method_of(r->wsi);
    enum err found = internal_route_find(path, method, &r->route, allow);

    if (found || !r->route->is_open) {
        enum err err = check_secret(r, p);
        if (err) {
            return err;
        }
    }
    if (found) {
        return problem_set(p, found, "", NULL);
    }
    r->has_body = has_body(r, method);
    if (!r->has_body) {
        return ERR_OK;
    }
    enum err err = check_length(r, p);
    return err ? err : check_content_type(r, p);
}

enum err internal_query(const struct internal_request *r, const char *name, char *out,
    size_t out_bytes, struct problem *p)
{
    char argument[HEADER_BYTES_MAX];
    char start[64];

    *out = '\0';
    /* libwebsockets takes an argument that does not fit for absent: then all would be meant. */
    if (lws_hdr_total_length(r->wsi, WSI_TOKEN_HTTP_URI_ARGS) >= HEADER_BYTES_MAX) {
        return problem_set(p, ERR_URI_TOO_LONG, name, "the query is too long");
    }
    (void)snprintf(start, sizeof(start), "%s=", name);
    const char *value = lws_get_urlarg_by_name(r->wsi, start, argument, sizeof(argument));
    if (!value) {
        return ERR_OK;
    }
    if (strlen(value) >= out_bytes) {
        return problem_set(p, ERR_BAD_QUERY, name, "%s is too long", name);
    }
    memcpy(out, value, strlen(value) + 1);
    return ERR_OK;
}
