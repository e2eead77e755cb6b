/* SPDX-License-Identifier: Apache-2.0 */
#include "config/urls.h"

#include <criterion/criterion.h>
#include <stddef.h>

Test(urls, plain_ones_are_taken) {
    static const char *const plain[] = {
        "",
        "http://10.0.0.5:7512",
        "https://ops.example",
        "http://[::1]:7512",
        "http://a:1,http://b:2",
        "http://a:1, http://b:2 http://c",
        "https://ops.example/nodes/north",
        " , ",
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        cr_expect(urls_are_plain(plain[i]), "%s", plain[i]);
}

/* They stand in a page's policy, where a quote or a semicolon would begin something else. */
Test(urls, others_are_not) {
    static const char *const others[] = {
        "10.0.0.5:7512",
        "ftp://a",
        "http://",
        "http:///path",
        "http://a/",
        "http://a/b/",
        "http://a;script-src *",
        "http://a'",
        "http://a\"",
        "http://a?b=c",
        "http://a#b",
        "http://user@a",
        "http://a\n",
        "http://a,b",
        "http://a, https:/b",
        "HTTP://a",
        "http://*",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect(!urls_are_plain(others[i]), "%s", others[i]);
}
