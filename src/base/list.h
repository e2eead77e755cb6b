/* SPDX-License-Identifier: Apache-2.0 */
/* list: texts with commas between, such as the hosts of a connection string. */
#ifndef VAXEL_BASE_LIST_H
#define VAXEL_BASE_LIST_H

/* How many there are: one more than commas. */
unsigned list_count(const char *list);

/* The same list begun so many texts later: "a,b,c" turned once is "b,c,a". `into` has as much room as the list takes.
 */
void list_turn(const char *list, unsigned turns, char *into);

#endif
