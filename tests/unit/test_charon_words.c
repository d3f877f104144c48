/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libcharon says in plain words, and which libcharon it is.
 */
#include "ipsec-migrate/charon_version.h"
#include "ipsec-migrate/charon_words.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/suite.h"

/* Lines as strongSwan 5.9.8 has logged them. */
static void each_usual_mistake_has_its_word(void)
{
	static const char *const cases[][2] = {
		{ "giving up after 4 retransmits", "unreachable" },
		{ "received NO_PROPOSAL_CHOSEN notify error", "proposal" },
		{ "received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built",
		  "proposal" },
		{ "no matching peer config found", "identity" },
		{ "constraint check failed: identity 'b.example' required ",
		  "identity" },
		{ "received IDr c.example, but require b.example",
		  "identity" },
		{ "no shared key found for 'a' - 'b'", "identity" },
		{ "tried 1 shared key for 'a' - 'b', but MAC mismatched",
		  "secret" },
		{ "subject certificate invalid (valid from Nov 3 to Nov 21)",
		  "clock" },
		{ "certificate was revoked on Nov 23, reason: unspecified",
		  "revoked" },
		{ "constraint check failed: RULE_CRL_VALIDATION is SKIPPED, "
		  "but requires at least GOOD", "revocation" },
		{ "no issuer certificate found for \"CN=b\"", "issuer" },
		{ "RSA-1024 signatures not acceptable", "weak" },
		{ "PPK required but no PPK found for 'p'", "ppk" },
		{ "received AUTHENTICATION_FAILED notify error", "refused" },
		{ "received TS_UNACCEPTABLE notify, no CHILD_SA built",
		  "networks" },
		{ "traffic selectors 10.0.0.0/8 === 10.1.0.0/16 unacceptable",
		  "networks" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct charon_words *w = charon_words_find(cases[i][0]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(w);
		CU_ASSERT_STRING_EQUAL(w->kind, cases[i][1]);
		CU_ASSERT(strlen(w->kind) < 16);
		CU_ASSERT(strlen(w->text) > 10);
	}
}

static void what_went_well_has_none(void)
{
	static const char *const lines[] = {
		"IKE_SA b[1] established between 192.0.2.1[a]...192.0.2.2[b]",
		"selected proposal: IKE:AES_GCM_16_256",
		"certificate status is good",
		"certificate status is not available",
		"peer supports MOBIKE",
		("selected peer config 'b' unacceptable: constraint checking "
		 "failed"),
		"authentication of 'b.example' with pre-shared key successful",
		"",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		CU_ASSERT_PTR_NULL(charon_words_find(lines[i]));
}

static bool find(const char *text, const char *package, char version[64])
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	bool found = charon_version_find(f, package, version, 64);

	fclose(f);
	return found;
}

static void the_installed_version_is_found(void)
{
	static const char status[] =
		"Package: other\nStatus: install ok installed\nVersion: 1\n\n"
		"Package: removed\nStatus: deinstall ok config-files\n"
		"Version: 2\n\n"
		"Package: libstrongswan\nStatus: install ok installed\n"
		"Version: 5.9.8-5+deb12u6\nDescription: x\n y\n\n"
		"Package: last\nStatus: install ok installed\nVersion: 3";
	char version[64] = "";

	CU_ASSERT_TRUE(find(status, "libstrongswan", version));
	CU_ASSERT_STRING_EQUAL(version, "5.9.8-5+deb12u6");
	CU_ASSERT_TRUE(find(status, "last", version));
	CU_ASSERT_STRING_EQUAL(version, "3");
	CU_ASSERT_FALSE(find(status, "removed", version));
	CU_ASSERT_FALSE(find(status, "missing", version));
	CU_ASSERT_FALSE(find("\n", "missing", version));
}

static void another_version_is_not_taken_for_it(void)
{
	CU_ASSERT_TRUE(charon_version_is("5.9.8-5+deb12u6", "5.9.8"));
	CU_ASSERT_FALSE(charon_version_is("5.9.80-1", "5.9.8"));
	CU_ASSERT_FALSE(charon_version_is("5.9.8.1-1", "5.9.8"));
	CU_ASSERT_FALSE(charon_version_is("6.0.1-6", "5.9.8"));
	CU_ASSERT_FALSE(charon_version_is("5.9", "5.9.8"));
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(each_usual_mistake_has_its_word),
		SUITE_TEST(what_went_well_has_none),
		SUITE_TEST(the_installed_version_is_found),
		SUITE_TEST(another_version_is_not_taken_for_it),
	};

	return suite_run("charon_words", tests,
			 sizeof(tests) / sizeof(tests[0]));
}
