/*
 * What a send holds of a message until it is answered.
 */
#include "shared/message_sent.h"

#include <stdlib.h>

void message_sent_finish(struct message_sent *s)
{
    free(s->entries);
}
