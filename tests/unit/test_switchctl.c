/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchctl as a program, against a server that answers from a table: what it
 * asks, what it prints, and with which code it ends.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/rpc.h"
#include "tests/lib/suite.h"

#define PORT_WEB                                                              \
	"{'name':'web','id':1,'type':'vhost-user','role':'guest','link':true," \
	"'state':'up','last_error':'','mac':'02:00:00:00:00:0a',"             \
	"'vlan_mode':'access','networks':['n10'],'locking':'locked',"         \
	"'isolated':true,'promiscuous':false,'counters':{'rx_frames':12,"     \
	"'tx_frames':7,'drops':{'spoof_arp':2,'vlan':1}}}"
#define PORT_UP                                                               \
	"{'name':'up0','id':0,'type':'packet','role':'uplink','link':false,"  \
	"'state':'waiting','last_error':'eth1: no such \\u001b[31mdevice',"    \
	"'vlan_mode':'trunk','networks':['n10','n20'],'locking':'unlocked'," \
	"'counters':{'rx_frames':0,'tx_frames':0,'drops':{}}}"
#define COUNTERS                                                              \
	"'rx_frames':100,'rx_bytes':6400,'tx_frames':90,'tx_bytes':5760,"     \
	"'copies':5,'drops':{'vlan':10,'ring_full':4}"

#define LACP_INFO(mac, port, state)                                           \
	"{'system_priority':65534,'system':'" mac "','key':1,"                \
	"'port_priority':32768,'port':" port ",'state':[" state "]}"
#define LACP_MEMBER(name, slot, port, more)                                   \
	"{'name':'" name "','interface':'" name "','slot':" slot ","          \
	"'waiting':'','link':true,'speed_mbps':10000,'delay_left_ms':0,"      \
	"'buckets':2,'load_bytes':2048,'rx_frames':7,'tx_frames':8,"     \
	"'tx_lost':9,'enabled':true,'active':" more ","     \
	"'lacp':{'actor':" LACP_INFO("02:00:00:00:00:01", port,               \
				     "'activity','timeout','sync'") ","       \
	"'partner':" LACP_INFO("02:00:00:00:00:99", port, "'activity'") ","   \
	"'receive':'current','mux':'distributing','selected':true,"           \
	"'actor_churn':false,'partner_churn':true,'rx_pdus':5,'tx_pdus':6,"   \
	"'rx_markers':1,'tx_marker_responses':1,'rx_bad':2,'rx_own':0,'expired':3}}"
#define BOND0                                                                 \
	"{'name':'bond0','mode':'lacp','up':true,'active':'eth0',"            \
	"'negotiated':true,'fallback':false,'hash':'tcpudp_ports',"           \
	"'hash_basis':7,'updelay_ms':31000,'downdelay_ms':200,"               \
	"'rebalance_interval_ms':1800000,'rebalance_in_ms':900,"              \
	"'failovers':2,'last_failover':{'age_ms':12340,'member':'eth0',"      \
	"'why':'eth1 lost its carrier'},'lacp':{'active':true,"               \
	"'time':'fast','system':'02:00:00:00:00:01',"                         \
	"'system_priority':65534,'fallback_ab':true},'members':["             \
	LACP_MEMBER("eth0", "0", "1", "true") ","                             \
	LACP_MEMBER("eth1", "1", "2", "false") "],"                           \
	"'buckets':[0,0,1,0,1,1,-1],'announced':0,'announce_left':0,"         \
	"'events':[{'age_ms':200000,'kind':'member up','member':'eth0',"      \
	"'why':'partner answers'}]}"
#define BOND1                                                                 \
	"{'name':'bond1','mode':'active-backup','up':false,'active':null,"    \
	"'negotiated':false,'fallback':false,'hash':'src_mac',"               \
	"'hash_basis':0,'updelay_ms':0,'downdelay_ms':0,"                     \
	"'rebalance_in_ms':null,'failovers':0,'last_failover':null,"          \
	"'lacp':null,'members':[{'name':'eth2','slot':-1,'waiting':"          \
	"'eth2: no such \\u001b[31mdevice','link':false,'enabled':false,"      \
	"'active':false,'speed_mbps':0,'delay_left_ms':30000,'buckets':0,"    \
	"'load_bytes':0,'lacp':null}],'buckets':[-1],'events':[]}"

/* Answers by method; ' stands for ".  NULL: refused, see do_answer(). */
static struct answer {
	const char *method, *result;
} answers[] = {
	{ "version", "{'version':'0.1.0','pid':42}" },
	{ "state.get",
	  "{'owner':'site','generation':7,'networks':[{'name':'n10','vlan':10,"
	  "'uplink':'up0','link_protocols':['lldp']},{'name':'n20','vlan':20,"
	  "'mtu':9000}],'ports':[{'name':'web'},{'name':'up0',"
	  "'type':'bond'}]}" },
	{ "ports.list", "{'ports':[" PORT_UP "," PORT_WEB "]}" },
	{ "fdb.list",
	  "{'count':1,'entries':[{'network':'n10','mac':'02:00:00:00:00:0a',"
	  "'port':'web','class':'static','age_s':0}]}" },
	{ "stats.get",
	  "{'tsc_hz':1,'total':{" COUNTERS "},'ports':[{'name':'web'," COUNTERS
	  "}],'workers':[{'worker':0,'core':1,'tid':9,'asleep':true,"
	  "'frames':2000,'bursts':100,'busy_cycles':10,'idle_cycles':30,"
	  "'busy_share':0.25,'cycles_per_frame':151.4,'burst_sizes':"
	  "[0,30,10,10,10,0,0,0,0,0,0,0,0,0,0,0,20,0,0,0,0,0,0,0,0,0,0,0,0,0,"
	  "0,0,20],'naps':5,'sleeps':12345}]}" },
	{ "drops.get",
	  "{'drops':[{'port':'web','side':'ingress','reason':'spoof_arp',"
	  "'frames':2,'help':'ARP sender is not this port\\u0027s'}]}" },
	{ "mirror.list",
	  "{'mirrors':[{'session':3,'who':'uid 0, pid 9','why':'test',"
	  "'filter_text':'icmp','direction':'both','ports':['web'],"
	  "'networks':[],'to':'ids','expires_s':60,'packets':1,"
	  "'dropped':0}],'captures':[]}" },
	{ "mirror.add", "{'session':4,'expires_s':600}" },
	{ "mirror.del", "{'packets':1,'bytes':64,'dropped':0}" },
	{ "state.apply", "{'owner':'t','generation':8,'actions':["
			 "'remove port a','add port b']}" },
	{ "state.saved", "{'refused':null}" },
	{ "state.trial", "{'trial':null}" },
	{ "state.confirm", "{'owner':'t','generation':8}" },
	{ "state.revert", "{'owner':'t','generation':7,'actions':["
			  "'remove port b']}" },
	{ "bonds.list", "{'bonds':[" BOND0 "," BOND1 "]}" },
	{ "bonds.set_active", "{}" },
	{ "uplinks.list",
	  "{'uplinks':[{'port':'up0','interface':'eth0','bond':null,"
	  "'link':true,'speed_mbps':1000,'mac':'02:00:00:00:00:01',"
	  "'mtu':1500,'link_mtu':1508,'waiting':'','control':{'rx_slow':1,'rx_lldp':2,"
	  "'rx_other':0,'rx_limited':3,'tx':4,'tx_full':5,'tx_failed':6}},"
	  "{'port':'eth1','interface':'eth1','bond':'bond0','link':false,"
	  "'speed_mbps':0,'mac':'02:00:00:00:00:02','mtu':1504,"
	  "'waiting':'no \\u001b[31mdevice','control':null}]}" },
	{ "lldp.list",
	  "{'uplinks':[{'port':'up0','interface':'eth0','tx':true,'rx':true,"
	  "'tx_frames':4,'rx_frames':5,'rx_bad':6,'aged_out':7,'too_many':8,"
	  "'neighbours':[{'chassis':'02:00:00:00:00:99','port':'1/17',"
	  "'port_description':'to host \\u001b[31m7','system_name':'leaf1',"
	  "'management':'192.0.2.1','pvid':10,'aggregated':true,"
	  "'left_ms':119500}]},{'port':'eth1','interface':'eth1','tx':false,"
	  "'rx':false,'neighbours':[]}]}" },
	{ "trace",
	  "{'verdict':'none','help':'','network':'n10','out':'unicast',"
	  "'deliveries':[{'port':'up0','why':'none','frame':"
	  "'02000000000b02000000000a8100000a0800'}],'copies':['ids'],"
	  "'steps':['access port of n10']}" },
	{ NULL, NULL },
};

static struct {
	struct event_base *base;
	struct rpc_server *srv;
	pthread_t thread;
	char dir[64], socket[96], state[96];
	/* what the server saw */
	char method[32];
	char params[16384];
	unsigned calls;
	bool refuse;	/* the next answer is an error */
	unsigned pages;	/* answers that say more follows */
	bool unknown;	/* mirror.list is not known */
	ssize_t written; /* of a capture */
	bool endless;	/* a capture does not end by itself */
	bool stopped;	/* capture.stop has come */
} t;

static void unquote(char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			*text = '"';
}

static json_t *from_text(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	unquote(copy);
	value = json_loads(copy, 0, NULL);
	free(copy);
	return value;
}

static void note(const struct rpc_request *req)
{
	char *text = json_dumps(req->params, JSON_COMPACT);

	t.calls++;
	snprintf(t.method, sizeof(t.method), "%s", req->method);
	snprintf(t.params, sizeof(t.params), "%s", text);
	free(text);
}

static json_t *page_of(const char *text)
{
	json_t *page = from_text(text);

	if (t.pages) {
		json_object_set_new(page, "more", json_true());
		t.pages--;
	}
	return page;
}

static void do_answer(struct rpc_request *req, void *ctx)
{
	const struct answer *a = answers;

	note(req);
	while (strcmp(a->method, req->method))
		a++;
	if (t.unknown && !strcmp(req->method, "mirror.list"))
		rpc_refuse(req, RPC_METHOD_NOT_FOUND, NULL, NULL, NULL,
			   "no such method");
	else if (t.refuse)
		rpc_refuse(req, RPC_REFUSED, "generation", "6",
			   "at least 7", "state refused");
	else
		rpc_reply(req, page_of(a->result));
}

static const char end_of_capture[] =
	"{'session':11,'why':'time is up','packets':2,'bytes':128,"
	"'dropped':1}";

static void do_capture(struct rpc_request *req, void *ctx)
{
	struct rpc_conn *conn = req->conn;
	int fd = rpc_take_fd(req, 0);

	note(req);
	if (t.refuse) {
		close(fd);
		rpc_refuse(req, RPC_INVALID_PARAMS, "duration_s", "360000",
			   "a number from 1 to 3600", "not valid");
		return;
	}
	t.written = write(fd, "PCAPNG", 6);
	close(fd);
	rpc_reply(req, json_pack("{s:i, s:i}", "session", 11, "expires_s", 60));
	if (!t.endless)
		rpc_notify(conn, "capture.ended", from_text(end_of_capture));
}

static void do_stop(struct rpc_request *req, void *ctx)
{
	note(req);
	t.stopped = true;
	rpc_reply(req, from_text("{'packets':2,'bytes':128,'dropped':0}"));
}

static void do_quit(struct rpc_request *req, void *ctx)
{
	rpc_reply(req, NULL);
	event_base_loopexit(t.base, NULL);
}

static const struct rpc_method methods[] = {
	{ "version", do_answer, 0, 0 },	    { "state.get", do_answer, 0, 0 },
	{ "ports.list", do_answer, 0, 0 },  { "fdb.list", do_answer, 0, 0 },
	{ "stats.get", do_answer, 0, 0 },   { "drops.get", do_answer, 0, 0 },
	{ "mirror.list", do_answer, 0, 0 }, { "mirror.add", do_answer, 0, 0 },
	{ "mirror.del", do_answer, 0, 0 },  { "state.apply", do_answer, 0, 0 },
	{ "bonds.list", do_answer, 0, 0 },
	{ "bonds.set_active", do_answer, 0, 0 },
	{ "uplinks.list", do_answer, 0, 0 },
	{ "lldp.list", do_answer, 0, 0 },
	{ "state.saved", do_answer, 0, 0 },
	{ "state.trial", do_answer, 0, 0 },
	{ "state.confirm", do_answer, 0, 0 },
	{ "state.revert", do_answer, 0, 0 },
	{ "trace", do_answer, 0, 0 },	    { "capture.start", do_capture, 0, 1 },
	{ "capture.stop", do_stop, 0, 0 },  { "quit", do_quit, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static void *serve(void *arg)
{
	event_base_dispatch(t.base);
	return NULL;
}

static int server_start(void)
{
	static struct rpc_server_conf conf = RPC_SERVER_CONF_INIT;

	strcpy(t.dir, "/tmp/test_switchctl.XXXXXX");
	if (!mkdtemp(t.dir))
		return -1;
	snprintf(t.socket, sizeof(t.socket), "%s/sock", t.dir);
	snprintf(t.state, sizeof(t.state), "%s/state.json", t.dir);
	conf.path = t.socket;
	conf.methods = methods;
	t.base = event_base_new();
	if (rpc_server_new(&t.srv, t.base, &conf) < 0)
		return -1;
	return pthread_create(&t.thread, NULL, serve, NULL);
}

static void server_stop(void)
{
	struct rpc_error err;
	struct rpc_client *c;

	if (rpc_client_open(&c, t.socket, &err) < 0)
		abort();
	rpc_call(c, "quit", NULL, NULL, 10000, NULL, &err);
	pthread_join(t.thread, NULL);
	rpc_client_close(c);
	rpc_server_free(t.srv);
	event_base_free(t.base);
	unlink(t.state);
	rmdir(t.dir);
}

/* Run through a shell; stdout and stderr together, and the exit code. */
static int run(char *out, size_t size, const char *args)
{
	char command[1024];
	size_t n;
	FILE *p;

	snprintf(command, sizeof(command), "exec 2>&1; " SWITCHCTL
		 " --socket %s %s", t.socket, args);
	p = popen(command, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	n = fread(out, 1, size - 1, p);
	out[n] = '\0';
	return WEXITSTATUS(pclose(p));
}

static char out[1 << 16];

static void prints(const char *args, int code, const char *expected)
{
	int is = run(out, sizeof(out), args);
	bool ok = is == code && !strcmp(out, expected);

	if (!ok)
		printf("\n  switchctl %s: code %d\n%s", args, is, out);
	CU_ASSERT(ok);
}

static void says(const char *args, int code, const char *part)
{
	int is = run(out, sizeof(out), args);
	bool ok = is == code && strstr(out, part);

	if (!ok)
		printf("\n  switchctl %s: code %d, no \"%s\" in\n%s", args, is,
		       part, out);
	CU_ASSERT(ok);
}

static void asked(const char *method, const char *params)
{
	char want[1024];
	bool ok;

	snprintf(want, sizeof(want), "%s", params);
	unquote(want);
	ok = !strcmp(t.method, method) && !strcmp(t.params, want);
	if (!ok)
		printf("\n  asked %s %s\n  not   %s %s\n", t.method, t.params,
		       method, want);
	CU_ASSERT(ok);
}

static void set_answer(const char *method, const char *result)
{
	struct answer *a = answers;

	while (strcmp(a->method, method))
		a++;
	a->result = result;
}

#define PORTS_TABLE                                                           \
	"PORT  TYPE        ROLE    STATE    VLANS   NETWORKS  LOCKING   "     \
	"MAC                RX  TX  DROPS  NOTES\n"                           \
	"up0   packet      uplink  waiting  trunk   n10,n20   unlocked  "     \
	"-                   0   0      0  -\n"                               \
	"web   vhost-user  guest   up       access  n10       locked    "     \
	"02:00:00:00:00:0a  12   7      3  isolated\n"                        \
	"\n"                                                                  \
	"PORT  LAST ERROR\n"                                                  \
	"up0   eth1: no such ?[31mdevice\n"

static void ports_are_a_table_and_texts_cannot_drive_the_terminal(void)
{
	prints("ports", 0, PORTS_TABLE);
	asked("ports.list", "{'skip':0,'limit':2000}");
}

#define SESSION_TABLE                                                         \
	"SESSION  KIND    PORTS  NETWORKS  GONE  TO   DIRECTION  EXPIRES S  " \
	"PACKETS  DROPPED  WHO           FILTER  WHY\n"                       \
	"      3  mirror  web    -         -     ids  both              60  " \
	"      1        0  uid 0, pid 9  icmp    test\n"
#define SHOW_HEAD                                                             \
	"causeway-switchd 0.1.0, pid 42\n"                                    \
	"generation 7 of site\n"                                              \
	"\n"                                                                  \
	"NETWORK  VLAN  UPLINK   MTU  DEFAULT LOCKING  LINK PROTOCOLS\n"      \
	"n10        10  up0     1500  unlocked         lldp\n"                \
	"n20        20  -       9000  unlocked         -\n"                   \
	"\n" PORTS_TABLE

static void show_puts_everything_on_one_page(void)
{
	prints("show", 0, SHOW_HEAD "\n" SESSION_TABLE);
	t.unknown = true;
	prints("show", 0, SHOW_HEAD);
	t.unknown = false;
	prints("mirror list", 0, SESSION_TABLE);
}

static void fdb_drops_names_and_version_print(void)
{
	prints("fdb n10", 0,
	       "NETWORK  MAC                PORT  CLASS   AGE S\n"
	       "n10      02:00:00:00:00:0a  web   static      0\n"
	       "1 address\n");
	asked("fdb.list", "{'network':'n10','skip':0,'limit':2000}");
	t.pages = 2;
	prints("fdb", 0,
	       "NETWORK  MAC                PORT  CLASS   AGE S\n"
	       "n10      02:00:00:00:00:0a  web   static      0\n"
	       "n10      02:00:00:00:00:0a  web   static      0\n"
	       "n10      02:00:00:00:00:0a  web   static      0\n"
	       "3 addresses\n");
	asked("fdb.list", "{'skip':2,'limit':2000}");
	prints("drops", 0,
	       "PORT  SIDE     REASON     FRAMES  MEANING\n"
	       "web   ingress  spoof_arp       2  "
	       "ARP sender is not this port's\n");
	prints("names ports", 0, "web\nup0\n");
	prints("names networks", 0, "n10\nn20\n");
	prints("names bonds", 0, "up0\n");
	says("version", 0, "causeway-switchd 0.1.0, pid 42\n");
}

#define BOND1_TEXT                                                            \
	"---- bond1 ----\n"                                                   \
	"bond_mode: active-backup\n"                                          \
	"bond-hash-basis: 0\n"                                                \
	"updelay: 0 ms\n"                                                     \
	"downdelay: 0 ms\n"                                                   \
	"lacp_status: off\n"                                                  \
	"active member: <none>\n"                                             \
	"last failover: none\n"                                               \
	"\n"                                                                  \
	"member eth2: disabled\n"                                             \
	"  waiting: eth2: no such ?[31mdevice\n"                              \
	"  link: down\n"                                                      \
	"  may_enable: false\n"                                               \
	"  updelay expires in 30000 ms\n"                                     \
	"  buckets: 0, 0 kB load\n"
#define MEMBER_TEXT(name, active, hash)                                       \
	"\nmember " name ": enabled\n" active                                 \
	"  link: up, 10000 Mb/s\n"                                            \
	"  may_enable: true\n"                                                \
	"  buckets: 2, 2 kB load\n"                                           \
	"  frames: 7 received, 8 sent, 9 lost\n" hash
#define INFO_TEXT(side, mac, port, state)                                     \
	"\n  " side " sys_id: " mac "\n"                                      \
	"  " side " sys_priority: 65534\n"                                    \
	"  " side " port_id: " port "\n"                                      \
	"  " side " port_priority: 32768\n"                                   \
	"  " side " key: 1\n"                                                 \
	"  " side " state: " state "\n"
#define LACP_TEXT(name, port)                                                 \
	"\nmember: " name ": current attached\n"                              \
	"  port_id: " port "\n"                                               \
	"  port_priority: 32768\n"                                            \
	"  may_enable: true\n"                                                \
	"  mux: distributing\n"                                               \
	"  churn: partner\n"                                                  \
	INFO_TEXT("actor", "02:00:00:00:00:01", port,                         \
		  "activity timeout synchronized")                            \
	INFO_TEXT("partner", "02:00:00:00:00:99", port, "activity")           \
	"\n  PDUs: 5 received, 6 sent, 2 bad, 0 our own; expired: 3\n"        \
	"  markers: 1 received, 1 answered\n"
#define BOND0_TEXT(hash0, hash1)                                              \
	"---- bond0 ----\n"                                                   \
	"bond_mode: lacp\n"                                                   \
	"hashing-algorithm: tcpudp_ports\n"                                   \
	"bond-hash-basis: 7\n"                                                \
	"updelay: 31000 ms\n"                                                 \
	"downdelay: 200 ms\n"                                                 \
	"next rebalance: 900 ms\n"                                            \
	"lacp_status: negotiated\n"                                           \
	"lacp_fallback_ab: true\n"                                            \
	"active member: eth0\n"                                               \
	"last failover: 12.3 s ago to eth0: eth1 lost its carrier "           \
	"(2 in all)\n"                                                        \
	MEMBER_TEXT("eth0", "  active member\n", hash0)                       \
	MEMBER_TEXT("eth1", "", hash1)                                        \
	"\n---- bond0: lacp ----\n"                                           \
	"  status: active negotiated\n"                                       \
	"  sys_id: 02:00:00:00:00:01\n"                                       \
	"  sys_priority: 65534\n"                                             \
	"  aggregation key: 1\n"                                              \
	"  lacp_time: fast\n"                                                 \
	LACP_TEXT("eth0", "1") LACP_TEXT("eth1", "2")

static void bonds_read_as_open_vswitch_s_do(void)
{
	prints("bond", 0, BOND0_TEXT("", "") "\n" BOND1_TEXT);
	prints("bond bond0", 0,
	       BOND0_TEXT("  hash: 0-1 3\n", "  hash: 2 4-5\n")
	       "\n"
	       "  AGO  EVENT      MEMBER  WHY\n"
	       "3 min  member up  eth0    partner answers\n");
	asked("bonds.list", "{}");
	prints("bond bond1", 0, BOND1_TEXT);
	says("bond bond1 --json", 0, "\"bonds\": [\n    {");
	CU_ASSERT(!strstr(out, "bond0"));
	says("bond bond2", 1, "bond2: no such bond");
	prints("bond set-active bond0 eth1", 0,
	       "eth1 is the active member of bond0\n");
	asked("bonds.set_active", "{'bond':'bond0','member':'eth1'}");
}

static void long_lists_of_hashes_are_wrapped(void)
{
	const char *kept = "{'bonds':[" BOND0 "," BOND1 "]}";
	char many[4096];
	const char *line;
	size_t at;
	int i;

	at = sprintf(many, "{'bonds':[{'name':'b','members':[{'name':'m',"
			   "'slot':0}],'buckets':[0");
	for (i = 1; i < 256; i++)
		at += sprintf(many + at, ",%d", i & 1);
	strcpy(many + at, "]}]}");
	set_answer("bonds.list", many);
	says("bond b", 0, "  hash: 0 2 4 6");
	says("bond b", 0, " 254\n");
	for (line = out; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		CU_ASSERT(strcspn(line, "\n") <= 80);
	}
	set_answer("bonds.list", kept);
}

static void uplinks_and_their_neighbours_are_tables(void)
{
	prints("uplink", 0,
	       "PORT  INTERFACE  BOND   LINK  MBIT/S  MAC                 MTU  "
	       "LINK MTU  SLOW RX  LLDP RX  CONTROL TX  LOST  WAITING\n"
	       "up0   eth0       -      up      1000  02:00:00:00:00:01  1500  "
	       "    1508        1        2           4    14  -\n"
	       "eth1  eth1       bond0  down       -  02:00:00:00:00:02  1504  "
	       "       -        0        0           0     0  no ?[31mdevice\n");
	prints("lldp", 0,
	       "PORT  INTERFACE  LLDP  SENT  RECEIVED  BAD  AGED OUT  "
	       "TOO MANY\n"
	       "up0   eth0       both     4         5    6         7  "
	       "       8\n"
	       "eth1  eth1       off      0         0    0         0  "
	       "       0\n"
	       "\n"
	       "PORT  NEIGHBOUR  CHASSIS            ITS PORT  DESCRIPTION     "
	       "MANAGEMENT  PVID  AGGREGATED  LEFT S\n"
	       "up0   leaf1      02:00:00:00:00:99  1/17      to host ?[31m7  "
	       "192.0.2.1     10  yes            119\n");
}

static void stats_add_up_and_show_the_workers(void)
{
	prints("stats", 0,
	       "PORT   RX FRAMES  RX BYTES  TX FRAMES  TX BYTES  GENERATED  "
	       "COPIES  DROPS\n"
	       "web          100      6400         90      5760          0  "
	       "     5     14\n"
	       "(all)        100      6400         90      5760          0  "
	       "     5     14\n"
	       "rx + generated + copies = 105, tx + drops = 104, "
	       "difference 1\n"
	       "\n"
	       "WORKER  CORE    BUSY  CYCLES/FRAME  FRAMES  PER BURST  NAPS  "
	       "SLEEPS  NOW\n"
	       "     0     1  25.0 %           151      2k       20.0     5  "
	       " 12.3k  asleep\n"
	       "\n"
	       "WORKER  BURSTS OF 1   2-4  5-15  16-31    32\n"
	       "     0         30 %  30 %   0 %   20 %  20 %\n");
}

static void watching_shows_rates_until_the_reader_leaves(void)
{
	char command[256], line[256] = "";
	unsigned before = t.calls;
	FILE *p;

	snprintf(command, sizeof(command),
		 SWITCHCTL " --socket %s stats --watch 0.1 --json | head -n 1",
		 t.socket);
	p = popen(command, "re");
	CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), p));
	pclose(p);
	CU_ASSERT(!strncmp(line, "{\"seconds\":0.", 13));
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"rx_frames\":0"));
	CU_ASSERT(t.calls >= before + 2);
}

static void names_are_lines_or_a_list(void)
{
	prints("names bonds", 0, "up0\n");
	prints("names ports --json", 0,
	       "{\n  \"ports\": [\n    \"web\",\n    \"up0\"\n  ]\n}\n");
	prints("names bonds --json", 0,
	       "{\n  \"bonds\": [\n    \"up0\"\n  ]\n}\n");
}

static void json_is_what_the_switch_said(void)
{
	static const char *const cases[][2] = {
		{ "ports --json", "ports.list" },
		{ "--json fdb", "fdb.list" },
		{ "stats --json", "stats.get" },
		{ "drops --json", "drops.get" },
		{ "bond --json", "bonds.list" },
		{ "uplink --json", "uplinks.list" },
		{ "lldp --json", "lldp.list" },
		{ "mirror list --json", "mirror.list" },
		{ "trace web --hex 02 --json", "trace" },
	};
	unsigned i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *is, *want;

		CU_ASSERT(run(out, sizeof(out), cases[i][0]) == 0);
		for (k = 0; strcmp(answers[k].method, cases[i][1]); k++)
			;
		is = json_loads(out, 0, NULL);
		want = from_text(answers[k].result);
		CU_ASSERT(is && want && json_equal(is, want));
		json_decref(is);
		json_decref(want);
	}
}

static void write_state(const char *text)
{
	FILE *f = fopen(t.state, "we");
	char *copy = strdup(text);

	unquote(copy);
	fputs(copy, f);
	fclose(f);
	free(copy);
}

static void apply_tells_what_was_done(void)
{
	char args[128];

	write_state("{'owner':'t','generation':8}");
	snprintf(args, sizeof(args), "apply %s", t.state);
	prints(args, 0, "remove port a\nadd port b\n"
			"generation 8 of t is in force, 2 actions\n");
	asked("state.apply", "{'state':{'owner':'t','generation':8},"
			     "'force':false}");
	snprintf(args, sizeof(args), "apply --force - <%s", t.state);
	CU_ASSERT(run(out, sizeof(out), args) == 0);
	asked("state.apply", "{'state':{'owner':'t','generation':8},"
			     "'force':true}");
	t.refuse = true;
	prints(args, 1, "switchctl: state refused\n"
			"  where: generation\n"
			"  found: 6\n"
			"  valid: at least 7\n");
	t.refuse = false;
}

static void a_saved_state_that_is_not_used_is_shown_with_the_reason(void)
{
	const char *running = answers[1].result;

	set_answer("state.get", "{'owner':'','networks':[],'ports':[]}");
	says("show", 0, "no state yet: switchctl apply FILE\n");
	set_answer("state.saved", "{'refused':{'why':'/s: line 3 column 1, "
				  "expected JSON: so','copy':'/s.bad'}}");
	says("show", 0, "no state\nthe saved state is not used: /s: line 3 "
			"column 1, expected JSON: so\n  it is in /s.bad, too: "
			"correct it, then switchctl apply FILE\n");
	says("show --json", 0, "\"copy\": \"/s.bad\"");
	set_answer("state.saved", "{'refused':null}");
	set_answer("state.get", running);
}

static void a_state_on_trial_is_confirmed_or_taken_back(void)
{
	const char *applied = "{'owner':'t','generation':8,'actions':[],"
			      "'confirm_within_s':90}";
	char args[128];

	write_state("{'owner':'t','generation':8}");
	snprintf(args, sizeof(args), "apply --confirm-within 90s %s", t.state);
	set_answer("state.apply", applied);
	prints(args, 0, "generation 8 of t is in force, nothing had to "
			"change\non trial: `switchctl confirm` within 90 s, "
			"or the switch goes back\n");
	asked("state.apply", "{'state':{'owner':'t','generation':8},"
			     "'force':false,'confirm_within_s':90}");
	set_answer("state.trial", "{'trial':{'left_ms':30001,'before':"
				  "{'owner':'t','generation':7}}}");
	says("show", 0, "on trial: `switchctl confirm` within 31 s, or back "
			"to generation 7 of t\n");
	says("show --json", 0, "\"left_ms\": 30001");
	set_answer("state.trial", "{'trial':null}");
	prints("confirm", 0, "generation 8 of t is confirmed\n");
	asked("state.confirm", "{}");
	prints("revert", 0, "remove port b\n"
			    "generation 7 of t is in force, 1 action\n");
}

#define WAY_OUT(bond)                                                         \
	"{'owner':'t','generation':8,'networks':[{'name':'m','vlan':0,"       \
	"'uplink':'up0'}],'ports':[{'name':'x','type':'tap','interface':"     \
	"'x','network':'m'},{'name':'up0','type':'packet','interface':'e'"    \
	bond "}]}"

static void who_may_cut_the_host_off_is_told_of_trials(void)
{
	const char *running = answers[1].result;
	char args[128];

	set_answer("state.get", WAY_OUT(""));
	write_state(WAY_OUT(",'mtu':9000"));
	snprintf(args, sizeof(args), "apply %s", t.state);
	says(args, 0, "switchctl: hint: this changes the way out of x, where "
		      "the host itself is;\n  apply --confirm-within SECONDS");
	snprintf(args, sizeof(args), "apply --json %s 2>/dev/null", t.state);
	CU_ASSERT(run(out, sizeof(out), args) == 0);
	CU_ASSERT(out[0] == '{');
	write_state(WAY_OUT(""));
	snprintf(args, sizeof(args), "apply %s", t.state);
	CU_ASSERT(run(out, sizeof(out), args) == 0);
	CU_ASSERT(!strstr(out, "hint"));
	set_answer("state.get", running);
}

static void a_state_that_is_wrong_is_never_sent(void)
{
	unsigned before = t.calls;
	char args[128], want[512];

	write_state("{'owner':'t','generation':8,'prots':[],"
		    "'networks':[{'name':'n','vlan':5000}]}");
	snprintf(args, sizeof(args), "apply %s", t.state);
	snprintf(want, sizeof(want),
		 "%s: prots: []\n  expected a known key; did you mean "
		 "\"ports\"?\n%s: networks[0].vlan: 5000\n  expected integer "
		 "0 to 4094\nswitchctl: %s: not applied, 2 errors\n", t.state,
		 t.state, t.state);
	prints(args, 1, want);
	write_state("{'owner':'t','generation':8}");
	snprintf(args, sizeof(args), "apply --check %s", t.state);
	says(args, 0, "valid: 0 networks, 0 ports");
	says("apply /nonexistent", 4, "No such file");
	CU_ASSERT(t.calls == before);
}

static void a_capture_goes_through_a_pipe_and_ends(void)
{
	prints("capture web --snaplen 96 --rate 1.1M --duration 1.5m "
	       "--direction in --reason test 2>/dev/null | cat", 0, "PCAPNG");
	asked("capture.start",
	      "{'port':'web','direction':'in','snaplen':96,'duration_s':90,"
	      "'rate_bps':1100000,'why':'test'}");
	CU_ASSERT(t.written == 6);
	prints("capture web >/dev/null", 0,
	       "capturing for 60 s at most; Ctrl-C ends\n"
	       "2 packets, 128 bytes, 1 dropped; time is up\n");
	CU_ASSERT(run(out, sizeof(out), "capture --network n10 ip -w "
					"/dev/null --reason x") == 0);
	asked("capture.start",
	      "{'network':'n10','filter':[[40,0,0,12],[21,0,1,2048],"
	      "[6,0,0,65535],[6,0,0,0]],'filter_text':'ip','why':'x'}");
}

/* Run by a shell in an empty folder that holds `out`. */
static void in_folder(const char *script, int code, const char *expected)
{
	char command[2048];
	size_t n;
	FILE *p;
	int is;

	snprintf(command, sizeof(command),
		 "exec 2>&1; capture() { " SWITCHCTL " --socket %s capture web "
		 "\"$@\" 2>err; }; mkdir %s/f && cd %s/f && "
		 "echo old >out; chmod 644 out; %s; rc=$?; rm -rf %s/f; "
		 "exit $rc", t.socket, t.dir, t.dir, script, t.dir);
	p = popen(command, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = '\0';
	is = WEXITSTATUS(pclose(p));
	if (is != code || strcmp(out, expected))
		printf("\n  %s: code %d\n%s", script, is, out);
	CU_ASSERT(is == code && !strcmp(out, expected));
}

static void a_capture_s_file_is_made_anew_once_it_has_begun(void)
{
	t.refuse = true;
	in_folder("capture -w out --duration 100h; echo $?; cat out; "
		  "capture -w new; echo $?; ls -A", 0, "1\nold\n1\nerr\nout\n");
	t.refuse = false;
	in_folder("ln out other; capture -w out; cat out other; "
		  "stat -c ' %a' out; ls -A", 0,
		  "PCAPNGold\n 600\nerr\nother\nout\n");
	in_folder("capture -w \"$PWD/new\"; cat new; stat -c ' %a' new", 0,
		  "PCAPNG 600\n");
	in_folder("ln -s out link; capture -w link; echo $?; cat out; "
		  "ln -s none none; capture -w none; echo $?; ls -A", 0,
		  "4\nold\n4\nerr\nlink\nnone\nout\n");
	in_folder("capture -w .; echo $?; cat err", 0,
		  "4\nswitchctl: .: Is a directory\n");
}

static void a_capture_is_written_to_what_is_no_file_as_it_is(void)
{
	in_folder("mkfifo pipe; timeout 60 cat pipe & capture -w pipe; wait; "
		  "test -p pipe", 0, "PCAPNG");
	in_folder("capture -w /dev/stdout | cat", 0, "PCAPNG");
	in_folder("capture -w - >out; cat out", 0, "PCAPNG");
	in_folder("capture -w /dev/stdout >out; cat out; "
		  "stat -c ' %a' out", 0, "PCAPNG 644\n");
	in_folder("capture -w /dev/null; test -c /dev/null", 0, "");
}

static void a_capture_stops_when_its_reader_has_gone(void)
{
	t.endless = true;
	t.stopped = false;
	says("capture web | head -c 6", 0, "PCAPNG");
	CU_ASSERT(t.stopped);
	asked("capture.stop", "{'session':11}");
	t.endless = false;
}

static void a_capture_stops_on_a_signal(void)
{
	char args[512];

	unlink(t.state);
	t.endless = true;
	t.stopped = false;
	snprintf(args, sizeof(args),
		 "capture web -w %s & p=$!; for i in $(seq 1000); do "
		 "test -s %s && break; sleep 0.01; done; kill -INT $p; "
		 "wait $p", t.state, t.state);
	says(args, 0, "2 packets, 128 bytes, 0 dropped\n");
	CU_ASSERT(t.stopped);
	t.endless = false;
}

static void mirrors_are_added_and_deleted(void)
{
	says("mirror add --to ids --port web --port app --network n20 icmp "
	     "--reason x --other-network", 0, "session 4, for 600 s");
	CU_ASSERT_STRING_EQUAL(t.method, "mirror.add");
	CU_ASSERT(!strncmp(t.params,
			   "{\"to\":\"ids\",\"ports\":[\"web\",\"app\"],"
			   "\"networks\":[\"n20\"],\"other_network\":true,"
			   "\"keep\":true,\"filter\":[[", 90));
	says("mirror del 4", 0, "session 4 ended: 1 packets");
	asked("mirror.del", "{'session':4}");
}

static void trace_builds_the_frame_and_tells_its_fate(void)
{
	prints("trace web eth dst=02:00:00:00:00:0b / arp", 0,
	       "  access port of n10\n"
	       "42 bytes from web: forwarded in network n10, unicast\n"
	       "  TO PORT  RESULT  TAGS  BYTES\n"
	       "  up0      sent    10       18\n"
	       "copies to ids\n");
	asked("trace", "{'port':'web','frame':'02000000000b02000000000a0806"
		       "0001080006040001" "02000000000a00000000"
		       "00000000000000000000'}");
	says("trace web ip", 2, "frame: begin with eth");
	says("trace up0 eth", 2, "eth src=MAC");
	says("trace nobody eth / arp", 1, "no port nobody");
}

static void wrong_usage_is_named(void)
{
	static const char *const cases[][2] = {
		{ "", "switchctl COMMAND" },
		{ "frobnicate", "frobnicate: no such command" },
		{ "apply", "usage: switchctl apply FILE|-" },
		{ "ports web", "usage: switchctl ports" },
		{ "ports --force", "ports takes no --force" },
		{ "fdb -w x", "fdb takes no --write" },
		{ "apply --confirm-within 2h f", "seconds up to an hour" },
		{ "apply --confirm-within 1.5 f", "1.5: whole seconds" },
		{ "apply --confirm-within 0.5 f", "whole seconds" },
		{ "confirm now", "usage: switchctl confirm" },
		{ "ports --nonsense", "nonsense" },
		{ "stats --watch 0", "0.1" },
		{ "stats --watch -1", "--watch -1: seconds, 0.1 or more" },
		{ "help frobnicate", "frobnicate: no such command" },
		{ "stats 5", "--watch" },
		{ "capture", "name one port" },
		{ "capture web 'ip and and'", "pcap-filter(7)" },
		{ "capture web --rate fast", "bit/s" },
		{ "capture web --duration 0", "whole seconds up to a week" },
		{ "capture web --snaplen 70000", "1 to 65535" },
		{ "capture web --snaplen 96.5", "1 to 65535" },
		{ "capture web --direction up", "in, out or both" },
		{ "mirror", "usage: switchctl mirror" },
		{ "mirror swap", "add, list or del" },
		{ "mirror add --to x", "--to PORT and at least one" },
		{ "mirror del", "a session's number" },
		{ "mirror del x1", "a session's number" },
		{ "names frogs", "ports, networks or bonds" },
		{ "bond a b", "usage: switchctl bond" },
		{ "bond set-active bond0", "set-active BOND MEMBER" },
		{ "lldp eth0", "usage: switchctl lldp" },
		{ "trace web", "usage: switchctl trace" },
	};
	unsigned i, before = t.calls;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		says(cases[i][0], 2, cases[i][1]);
	CU_ASSERT(t.calls == before);
	says("--help", 0, "Exit code");
	says("help", 0, "Exit code");
	says("help capture", 0, "write frames as pcapng");
	says("capture --help", 0, "write frames as pcapng");
	says("--version", 0, "switchctl 0.");
	says("capture web -w /nonexistent/x", 4, "No such file");
}

static void without_a_switch_one_is_told_what_to_do(void)
{
	char kept[sizeof(t.socket)];

	memcpy(kept, t.socket, sizeof(kept));
	strcpy(t.socket, "/nonexistent/sock");
	says("show", 3, "no switch answers; start causeway-switchd");
	prints("show --json", 3,
	       "{\n  \"error\": {\n    \"message\": \"/nonexistent/sock: no "
	       "switch answers; start causeway-switchd or name its socket with "
	       "--socket\"\n  }\n}\n");
	memcpy(t.socket, kept, sizeof(kept));
}

int main(void)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(ports_are_a_table_and_texts_cannot_drive_the_terminal),
		SUITE_TEST(show_puts_everything_on_one_page),
		SUITE_TEST(fdb_drops_names_and_version_print),
		SUITE_TEST(bonds_read_as_open_vswitch_s_do),
		SUITE_TEST(long_lists_of_hashes_are_wrapped),
		SUITE_TEST(uplinks_and_their_neighbours_are_tables),
		SUITE_TEST(stats_add_up_and_show_the_workers),
		SUITE_TEST(watching_shows_rates_until_the_reader_leaves),
		SUITE_TEST(names_are_lines_or_a_list),
		SUITE_TEST(json_is_what_the_switch_said),
		SUITE_TEST(apply_tells_what_was_done),
		SUITE_TEST(a_saved_state_that_is_not_used_is_shown_with_the_reason),
	SUITE_TEST(a_state_on_trial_is_confirmed_or_taken_back),
		SUITE_TEST(who_may_cut_the_host_off_is_told_of_trials),
		SUITE_TEST(a_state_that_is_wrong_is_never_sent),
		SUITE_TEST(a_capture_goes_through_a_pipe_and_ends),
		SUITE_TEST(a_capture_s_file_is_made_anew_once_it_has_begun),
		SUITE_TEST(a_capture_is_written_to_what_is_no_file_as_it_is),
		SUITE_TEST(a_capture_stops_when_its_reader_has_gone),
		SUITE_TEST(a_capture_stops_on_a_signal),
		SUITE_TEST(mirrors_are_added_and_deleted),
		SUITE_TEST(trace_builds_the_frame_and_tells_its_fate),
		SUITE_TEST(wrong_usage_is_named),
		SUITE_TEST(without_a_switch_one_is_told_what_to_do),
	};
	int rc;

	if (server_start())
		return 1;
	rc = suite_run("switchctl", tests, sizeof(tests) / sizeof(tests[0]));
	server_stop();
	return rc;
}
