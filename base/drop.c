#include "base/drop.h"

static const struct {
	const char *name, *help;
} table[DROP_COUNT] = {
	[DROP_NONE] = { "none", "forwarded" },
#define X(sym, name, help) [DROP_##sym] = { name, help },
	DROP_INGRESS(X) DROP_EGRESS(X)
#undef X
};

const char *drop_name(enum drop why)
{
	return (unsigned)why < DROP_COUNT ? table[why].name : "unknown";
}

const char *drop_help(enum drop why)
{
	return (unsigned)why < DROP_COUNT ? table[why].help : "unknown";
}
