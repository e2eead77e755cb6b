/* SPDX-License-Identifier: Apache-2.0 */
#include "config/urls.h"

#include <stddef.h>
#include <string.h>

#define HOST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"
#define PATH HOST "/~"

static const char *after_scheme(const char *url) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            return url + strlen(schemes[i]);
    return NULL;
}

static bool is_plain(const char *url, size_t size) {
    const char *host = after_scheme(url), *end = url + size;
    if (host == NULL || host >= end)
        return false;
    size_t host_size = strspn(host, HOST);
    const char *path = host + host_size;
    if (host_size == 0 || path > end)
        return false;
    return path + strspn(path, PATH) == end && (path == end || (path[0] == '/' && end[-1] != '/'));
}

bool urls_are_plain(const char *urls) {
    while (*(urls += strspn(urls, URL_SEPARATORS)) != '\0') {
        size_t size = strcspn(urls, URL_SEPARATORS);
        if (!is_plain(urls, size))
            return false;
        urls += size;
    }
    return true;
}
