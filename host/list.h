/* A doubly linked list through a link inside each member: no allocation, removal from anywhere in
 * one step. Owns nothing. */
#ifndef TAGUA_LIST_H
#define TAGUA_LIST_H

#include <stdbool.h>

/* The head of a list, or a member's place in one. A link in no list points to itself. */
struct tagua_link {
    struct tagua_link *next;
    struct tagua_link *previous;
};

/* Makes an empty list, or a link that is in none. */
static inline void tagua_link_init(struct tagua_link *link)
{
    link->next = link;
    link->previous = link;
}

/* Whether nothing is in the list. */
static inline bool tagua_link_empty(const struct tagua_link *head)
{
    return head->next == head;
}

/* Takes a member out of whatever list it is in, if any. */
static inline void tagua_link_remove(struct tagua_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    tagua_link_init(link);
}

/* Puts a link that is in no list before `where`: before the head is the end of the list. */
static inline void tagua_link_insert_before(struct tagua_link *where, struct tagua_link *link)
{
    link->next = where;
    link->previous = where->previous;
    where->previous->next = link;
    where->previous = link;
}

#endif
