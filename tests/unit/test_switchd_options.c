/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * causeway-switchd as a program, as far as it gets with a command line that
 * is wrong: nothing is made or opened before that has been said.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/lib/suite.h"

static void refuses(const char *args, int code, const char *why)
{
	char command[1024], out[4096];
	size_t n;
	FILE *p;
	int is;

	snprintf(command, sizeof(command), "exec 2>&1; " SWITCHD
		 " --state-dir /nonexistent/a/b --socket /nonexistent/s %s",
		 args);
	p = popen(command, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = '\0';
	is = WEXITSTATUS(pclose(p));
	if (is != code || !strstr(out, why))
		printf("\n  %s: code %d, no \"%s\" in\n%s", args, is, why, out);
	CU_ASSERT(is == code && strstr(out, why));
}

static void cores_are_numbers_and_each_once(void)
{
	refuses("--cores 0,0", 2, "--cores 0,0: such as 1 or 2,4-5, each once");
	refuses("--cores 0-1,1", 2, "each once");
	refuses("--cores 1-0", 2, "such as");
	refuses("--cores 0,,1", 2, "such as");
	refuses("--cores x", 2, "such as");
}

static void root_is_no_user_for_the_switch(void)
{
	refuses("--user root", 1, "the switch does not run as root");
	refuses("--user 0:0", 1, "the switch does not run as root");
	refuses("--user no-such-user-", 1, "useradd --system");
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(cores_are_numbers_and_each_once),
		SUITE_TEST(root_is_no_user_for_the_switch),
	};

	return suite_run("switchd_options", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
