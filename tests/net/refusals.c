/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel or container that refuses io_uring: the words must name the setting to change. */
#include "party.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* From now on this process gets `error` for the system call. */
static void refuse_call(long call, int error) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    cr_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    cr_assert(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void expect_words(long call, int error, const char *const words[], size_t count) {
    refuse_call(call, error);
    struct failure failure = {""};
    struct net_options options = party_options();
    cr_assert_null(net_create(&options, &failure));
    for (size_t i = 0; i < count; i++) {
        cr_assert_not_null(strstr(failure.text, words[i]), "\"%s\" lacks \"%s\"", failure.text, words[i]);
    }
}

Test(net, a_kernel_that_forbids_io_uring_is_answered_with_the_setting) {
    static const char *const words[] = {"kernel.io_uring_disabled", "seccomp"};
    expect_words(SYS_io_uring_setup, EPERM, words, 2);
}

Test(net, a_kernel_without_io_uring_is_answered_with_the_version_needed) {
    static const char *const words[] = {"Linux 6.1", "seccomp"};
    expect_words(SYS_io_uring_setup, ENOSYS, words, 2);
}

Test(net, an_old_kernel_is_answered_with_the_version_needed) {
    static const char *const words[] = {"Linux 6.1"};
    expect_words(SYS_io_uring_setup, EINVAL, words, 1);
}

Test(net, a_limit_on_locked_memory_is_answered_with_the_limit) {
    static const char *const words[] = {"LimitMEMLOCK", "ulimit -l"};
    expect_words(SYS_io_uring_setup, ENOMEM, words, 2);
}

Test(net, receive_buffers_that_are_refused_end_the_start) {
    static const char *const words[] = {"io_uring_register"};
    expect_words(SYS_io_uring_register, EPERM, words, 1);
}
