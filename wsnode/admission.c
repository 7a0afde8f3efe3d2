/*
 * Finds the token of a handshake and has it verified.
 */
#include "wsnode/admission.h"

#include <stdlib.h>

#include "shared/http_text.h"
#include "shared/log.h"
#include "shared/parse.h"
#include "wsnode/session.h"

struct admission {
    struct token_verifier verifier;
};

enum err admission_create(struct node *n, struct problem *p)
{
    if (n->config->node_auth != NODE_AUTH_TOKEN) {
        return ERR_OK;
    }
    struct admission *a = calloc(1, sizeof(*a));
    if (!a) {
        return problem_set(p, ERR_NO_MEMORY, "", NULL);
    }
    enum err err = token_verifier_init(&a->verifier, n->config, p);
    if (err) {
        free(a);
        return err;
    }
    n->admission = a;
    return ERR_OK;
}

void admission_destroy(struct node *n)
{
    if (n->admission) {
        token_verifier_finish(&n->admission->verifier);
        free(n->admission);
        n->admission = NULL;
    }
}

void admission_reload(struct node *n)
{
    struct token_verifier verifier;
    struct problem p;

    if (!n->admission) {
        return;
    }
    if (token_verifier_init(&verifier, n->config, &p)) {
        log_error("token keys not read again: the old ones stay", "why=\"%s %s\"", p.field, p.msg);
        return;
    }
    token_verifier_finish(&n->admission->verifier);
    n->admission->verifier = verifier;
    log_info("token keys read again", "count=%zu", verifier.keys.count);
}

/* RFC 6265 4.2.1: name=value, separated by semicolons; the value may be quoted. The first one of
 * the name, which is the most specific one (5.4). */
static struct slice cookie_of(struct slice cookies, const char *name)
{
    while (cookies.len > 0) {
        struct slice value = http_text_trim(http_text_until(&cookies, ";"));

        if (slice_equal(http_text_until(&value, "="), name)) {
            bool is_quoted = value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"';
            return is_quoted ? (struct slice){value.at + 1, value.len - 2} : value;
        }
    }
    return (struct slice){NULL, 0};
}

/* space takes a token that had to be decoded. */
static enum err find_token(const struct config *config, const struct session_credentials *c,
    char space[static TOKEN_BYTES_MAX + 1], struct slice *out, struct problem *p)
{
    if (c->query_token.at) {
        if (parse_percent(c->query_token, space, TOKEN_BYTES_MAX + 1) != ERR_OK) {
            return problem_set(p, ERR_TOKEN_INVALID, "token", NULL);
        }
        *out = slice_of(space);
        return ERR_OK;
    }
    *out = http_text_bearer(c->authorization);
    if (!out->at && c->cookies.at && *config->token_cookie) {
        *out = cookie_of(c->cookies, config->token_cookie);
    }
    return out->at ? ERR_OK : problem_set(p, ERR_TOKEN_MISSING, "", NULL);
}

static enum err verify(const struct admission *a, struct slice text, const struct address *address,
    int64_t now_ms, struct token *out, struct problem *p)
{
    struct token token;

    enum err err = token_verify(&a->verifier, text, now_ms, &token, p);
    if (!err) {
        err = token_check_address(&token, address, p);
    }
    if (!err) {
        *out = token;
    }
    return err;
}

enum err admission_decide(
    const struct node *n, struct session_handshake *h, int64_t now_ms, struct problem *p)
{
    char space[TOKEN_BYTES_MAX + 1];
    struct slice text = {NULL, 0};

    if (!n->admission) {
        return ERR_OK;
    }
    enum err err = find_token(n->config, &h->credentials, space, &text, p);
    if (!err) {
        err = verify(n->admission, text, &h->address, now_ms, &h->token, p);
    }
    return err;
}

enum err admission_renew(const struct node *n, struct slice text, const struct address *address,
    int64_t now_ms, struct token *out, struct problem *p)
{
    if (!n->admission) {
        return problem_set(p, ERR_BAD_VALUE, "type", "no tokens are asked for here");
    }
    return verify(n->admission, text, address, now_ms, out, p);
}
