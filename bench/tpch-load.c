/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpch-load.c - the eight tables of TPC-H, filled as the standard says
 *
 * Clause 4.2 of the TPC Benchmark H Standard Specification, revision 3.0: keys,
 * numbers of rows, distributions and the dependencies between columns are its
 * own; the text is not dbgen's, but words drawn from a list of ours.  One
 * difference more: of fifty suppliers one has complaints, not five of 10,000,
 * so that small scales have some.  The same seed makes the same rows.
 *
 * Each table has its key and the indexes of its foreign keys, and the planner
 * has statistics (ANALYZE); there is no index of a date, so queries that want a
 * period scan.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tpch.h"

static const char tables[] =
  "CREATE TABLE region ("
  " r_regionkey INTEGER PRIMARY KEY, r_name TEXT, r_comment TEXT);"
  "CREATE TABLE nation ("
  " n_nationkey INTEGER PRIMARY KEY, n_name TEXT,"
  " n_regionkey INTEGER REFERENCES region, n_comment TEXT);"
  "CREATE TABLE supplier ("
  " s_suppkey INTEGER PRIMARY KEY, s_name TEXT, s_address TEXT,"
  " s_nationkey INTEGER REFERENCES nation, s_phone TEXT, s_acctbal INTEGER,"
  " s_comment TEXT);"
  "CREATE TABLE customer ("
  " c_custkey INTEGER PRIMARY KEY, c_name TEXT, c_address TEXT,"
  " c_nationkey INTEGER REFERENCES nation, c_phone TEXT, c_acctbal INTEGER,"
  " c_mktsegment TEXT, c_comment TEXT);"
  "CREATE TABLE part ("
  " p_partkey INTEGER PRIMARY KEY, p_name TEXT, p_mfgr TEXT, p_brand TEXT,"
  " p_type TEXT, p_size INTEGER, p_container TEXT, p_retailprice INTEGER,"
  " p_comment TEXT);"
  "CREATE TABLE partsupp ("
  " ps_partkey INTEGER REFERENCES part, ps_suppkey INTEGER REFERENCES supplier,"
  " ps_availqty INTEGER, ps_supplycost INTEGER, ps_comment TEXT,"
  " PRIMARY KEY (ps_partkey, ps_suppkey));"
  "CREATE TABLE orders ("
  " o_orderkey INTEGER PRIMARY KEY, o_custkey INTEGER REFERENCES customer,"
  " o_orderstatus TEXT, o_totalprice INTEGER, o_orderdate TEXT,"
  " o_orderpriority TEXT, o_clerk TEXT, o_shippriority INTEGER,"
  " o_comment TEXT);"
  "CREATE TABLE lineitem ("
  " l_orderkey INTEGER REFERENCES orders, l_partkey INTEGER, l_suppkey INTEGER,"
  " l_linenumber INTEGER, l_quantity INTEGER, l_extendedprice INTEGER,"
  " l_discount INTEGER, l_tax INTEGER, l_returnflag TEXT, l_linestatus TEXT,"
  " l_shipdate TEXT, l_commitdate TEXT, l_receiptdate TEXT,"
  " l_shipinstruct TEXT, l_shipmode TEXT, l_comment TEXT,"
  " PRIMARY KEY (l_orderkey, l_linenumber),"
  " FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp);"
  "CREATE TABLE oriel_tpch (name TEXT PRIMARY KEY, value) WITHOUT ROWID;";

static const char indexes[] =
  "CREATE INDEX supplier_nation ON supplier (s_nationkey);"
  "CREATE INDEX customer_nation ON customer (c_nationkey);"
  "CREATE INDEX partsupp_supplier ON partsupp (ps_suppkey);"
  "CREATE INDEX orders_customer ON orders (o_custkey);"
  "CREATE INDEX lineitem_part ON lineitem (l_partkey, l_suppkey);"
  "ANALYZE;";

/* ------------------------------------------------------------------ */
/* Words                                                              */

#define WORD(list, rng) \
  list[sql_uniform (rng, 0, (int64_t) (sizeof list / sizeof *list) - 1)]

static const char *const regions[] = {
  "AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"
};

static const struct {
  const char *name;
  int region;
} nations[] = {
  { "ALGERIA", 0 }, { "ARGENTINA", 1 }, { "BRAZIL", 1 }, { "CANADA", 1 },
  { "EGYPT", 4 }, { "ETHIOPIA", 0 }, { "FRANCE", 3 }, { "GERMANY", 3 },
  { "INDIA", 2 }, { "INDONESIA", 2 }, { "IRAN", 4 }, { "IRAQ", 4 },
  { "JAPAN", 2 }, { "JORDAN", 4 }, { "KENYA", 0 }, { "MOROCCO", 0 },
  { "MOZAMBIQUE", 0 }, { "PERU", 1 }, { "CHINA", 2 }, { "ROMANIA", 3 },
  { "SAUDI ARABIA", 4 }, { "VIETNAM", 2 }, { "RUSSIA", 3 },
  { "UNITED KINGDOM", 3 }, { "UNITED STATES", 1 }
};

static const char *const colors[] = {
  "almond", "antique", "aquamarine", "azure", "beige", "bisque", "black",
  "blanched", "blue", "blush", "brown", "burlywood", "burnished", "chartreuse",
  "chiffon", "chocolate", "coral", "cornflower", "cornsilk", "cream", "cyan",
  "dark", "deep", "dim", "dodger", "drab", "firebrick", "floral", "forest",
  "frosted", "gainsboro", "ghost", "goldenrod", "green", "grey", "honeydew",
  "hot", "indian", "ivory", "khaki", "lace", "lavender", "lawn", "lemon",
  "light", "lime", "linen", "magenta", "maroon", "medium", "metallic",
  "midnight", "mint", "misty", "moccasin", "navajo", "navy", "olive", "orange",
  "orchid", "pale", "papaya", "peach", "peru", "pink", "plum", "powder", "puff",
  "purple", "red", "rose", "rosy", "royal", "saddle", "salmon", "sandy",
  "seashell", "sienna", "sky", "slate", "smoke", "snow", "spring", "steel",
  "tan", "thistle", "tomato", "turquoise", "violet", "wheat", "white", "yellow"
};

static const char *const type_1[] = {
  "STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"
};
static const char *const type_2[] = {
  "ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"
};
static const char *const type_3[] = { "TIN", "NICKEL", "BRASS", "STEEL",
                                      "COPPER" };
static const char *const container_1[] = { "SM", "LG", "MED", "JUMBO", "WRAP" };
static const char *const container_2[] = {
  "CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"
};
static const char *const segments[] = {
  "AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"
};
static const char *const priorities[] = {
  "1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"
};
static const char *const instructions[] = {
  "DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"
};
static const char *const modes[] = {
  "REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"
};
static const char *const words[] = {
  "packages", "requests", "accounts", "deposits", "foxes", "ideas",
  "theodolites", "pinto beans", "instructions", "dependencies", "excuses",
  "platelets", "asymptotes", "courts", "dolphins", "sleep", "wake", "are",
  "cajole", "haggle", "nag", "use", "boost", "affix", "detect", "integrate",
  "special", "pending", "unusual", "express", "furious", "sly", "careful",
  "blithe", "quick", "fluffy", "slow", "quiet", "ruthless", "thin", "close",
  "dogged", "daring", "brave", "stealthy", "permanent", "enticing", "idle",
  "busy", "regular", "final", "ironic", "even", "bold", "silent"
};

#define LONGEST 220

static void
comment (struct rng *rng, char text[LONGEST], int low, int high)
{
  int want = (int) sql_uniform (rng, low, high), n = 0;

  while (n < want)
    n += snprintf (text + n, (size_t) (LONGEST - n), "%s ", WORD (words, rng));
  text[want] = 0;
}

static void
phone (struct rng *rng, int nation, char text[20])
{
  snprintf (text, 20, "%02d-%03d-%03d-%04d", (nation + 10) % 100,
            (int) sql_uniform (rng, 100, 999) % 1000,
            (int) sql_uniform (rng, 100, 999) % 1000,
            (int) sql_uniform (rng, 1000, 9999) % 10000);
}

/* ------------------------------------------------------------------ */
/* Dates: days since 1992-01-01                                       */

#define DAYS 2557            /* up to 1998-12-31 */
#define LAST_ORDER (DAYS - 152)
#define CURRENT 1263         /* 1995-06-17 */

static char date[DAYS][11];

static void
make_dates (void)
{
  struct tm tm;
  time_t t;
  int i;

  for (i = 0; i < DAYS; i++)
    {
      t = (time_t) 694224000 + (time_t) i * 86400;
      gmtime_r (&t, &tm);
      strftime (date[i], sizeof date[i], "%Y-%m-%d", &tm);
    }
}

/* ------------------------------------------------------------------ */
/* Numbers of rows                                                    */

static int
scaled (const struct tpch *tpch, int rows)
{
  int n = (int) lround (rows * tpch->scale);

  return n < 1 ? 1 : n;
}

uint64_t
tpch_rows (const struct sql *sql)
{
  const struct tpch *tpch = sql->own;

  return (uint64_t) scaled (tpch, 8660000) + 30;
}

/* Cents, of a part (clause 4.2.3). */
static int
retail_price (int part)
{
  return 90000 + part / 10 % 20001 + 100 * (part % 1000);
}

/* The i-th of the four suppliers of a part, who lie far from each other.  As
 * the standard has it, but that few suppliers must not come twice: three steps
 * are less than all of them. */
static int
supplier_of (int part, int i, int suppliers)
{
  int least = suppliers / 4, most = (suppliers - 1) / 3;
  int step = least + (part - 1) / suppliers % (most - least + 1);

  return (part + i * step) % suppliers + 1;
}

/* ------------------------------------------------------------------ */
/* A function for each table                                          */

struct population {
  struct loader *l;
  struct rng *rng;
  int suppliers, parts, customers, orders;
};

static int
uniform (struct population *p, int low, int high)
{
  return (int) sql_uniform (p->rng, low, high);
}

static void
load_places (struct population *p)
{
  sqlite3_stmt *stmt = sql_load_prepare (p->l, "region", 3);
  char text[LONGEST];
  int i;

  for (i = 0; i < 5; i++)
    {
      comment (p->rng, text, 31, 115);
      sql_load_row (p->l, stmt, "iss", i, regions[i], text);
    }
  sqlite3_finalize (stmt);
  stmt = sql_load_prepare (p->l, "nation", 4);
  for (i = 0; i < 25; i++)
    {
      comment (p->rng, text, 31, 114);
      sql_load_row (p->l, stmt, "isis", i, nations[i].name, nations[i].region,
                    text);
    }
  sqlite3_finalize (stmt);
}

static void
load_suppliers (struct population *p)
{
  sqlite3_stmt *stmt = sql_load_prepare (p->l, "supplier", 7);
  char name[30], address[41], number[20], text[LONGEST];
  int i, nation;

  for (i = 1; i <= p->suppliers; i++)
    {
      nation = uniform (p, 0, 24);
      snprintf (name, sizeof name, "Supplier#%09d", i);
      sql_alnum (p->rng, address, 10, 40);
      phone (p->rng, nation, number);
      comment (p->rng, text, 25, 100);
      if (i % 50 == 7)
        memcpy (text, "Customer slow Complaints ", 25);
      sql_load_row (p->l, stmt, "issisis", i, name, address, nation, number,
                    uniform (p, -99999, 999999), text);
    }
  sqlite3_finalize (stmt);
}

static void
load_customers (struct population *p)
{
  sqlite3_stmt *stmt = sql_load_prepare (p->l, "customer", 8);
  char name[30], address[41], number[20], text[LONGEST];
  int i, nation;

  for (i = 1; i <= p->customers && p->l->rc == SQLITE_OK; i++)
    {
      nation = uniform (p, 0, 24);
      snprintf (name, sizeof name, "Customer#%09d", i);
      sql_alnum (p->rng, address, 10, 40);
      phone (p->rng, nation, number);
      comment (p->rng, text, 29, 116);
      sql_load_row (p->l, stmt, "issisiss", i, name, address, nation, number,
                    uniform (p, -99999, 999999), WORD (segments, p->rng),
                    text);
    }
  sqlite3_finalize (stmt);
}

/* Five different words. */
static void
name_part (struct population *p, char name[80])
{
  enum { ALL = sizeof colors / sizeof *colors };
  int word[5], i, k, n = 0;

  for (i = 0; i < 5; i++)
    {
      do
        {
          word[i] = uniform (p, 0, ALL - 1);
          for (k = 0; word[k] != word[i]; k++)
            ;
        }
      while (k < i);
      n += snprintf (name + n, (size_t) (80 - n), "%s%s", i ? " " : "",
                     colors[word[i]]);
    }
}

static void
load_parts (struct population *p)
{
  sqlite3_stmt *part = sql_load_prepare (p->l, "part", 9);
  char name[80], maker[16], brand[12], type[40], container[16], text[LONGEST];
  int i, m;

  for (i = 1; i <= p->parts && p->l->rc == SQLITE_OK; i++)
    {
      m = uniform (p, 1, 5);
      name_part (p, name);
      snprintf (maker, sizeof maker, "Manufacturer#%d", m % 10);
      snprintf (brand, sizeof brand, "Brand#%d%d", m % 10,
                uniform (p, 1, 5) % 10);
      snprintf (type, sizeof type, "%s %s %s", WORD (type_1, p->rng),
                WORD (type_2, p->rng), WORD (type_3, p->rng));
      snprintf (container, sizeof container, "%s %s",
                WORD (container_1, p->rng), WORD (container_2, p->rng));
      comment (p->rng, text, 5, 22);
      sql_load_row (p->l, part, "issssisis", i, name, maker, brand, type,
                    uniform (p, 1, 50), container, retail_price (i), text);
    }
  sqlite3_finalize (part);
}

static void
load_partsupps (struct population *p)
{
  sqlite3_stmt *stmt = sql_load_prepare (p->l, "partsupp", 5);
  char text[LONGEST];
  int i, k;

  for (i = 1; i <= p->parts && p->l->rc == SQLITE_OK; i++)
    for (k = 0; k < 4; k++)
      {
        comment (p->rng, text, 49, 198);
        sql_load_row (p->l, stmt, "iiiis", i, supplier_of (i, k, p->suppliers),
                      uniform (p, 1, 9999), uniform (p, 100, 100000), text);
      }
  sqlite3_finalize (stmt);
}

/* What its lines say of an order. */
struct order {
  int key, day;
  int64_t price; /* of all lines, in 1/10000 cents */
  int lines, open;
};

static void
load_line (struct population *p, sqlite3_stmt *stmt, struct order *o, int n)
{
  int part = uniform (p, 1, p->parts), quantity = uniform (p, 1, 50);
  int price = quantity * retail_price (part);
  int discount = uniform (p, 0, 10), tax = uniform (p, 0, 8);
  int shipped = o->day + uniform (p, 1, 121);
  int committed = o->day + uniform (p, 30, 90);
  int received = shipped + uniform (p, 1, 30);
  const char *returned = "N";
  char text[LONGEST];

  if (received <= CURRENT)
    returned = uniform (p, 0, 1) ? "R" : "A";
  comment (p->rng, text, 10, 43);
  sql_load_row (p->l, stmt, "iiiiiiiissssssss", o->key, part,
                supplier_of (part, uniform (p, 0, 3), p->suppliers), n,
                quantity, price, discount, tax, returned,
                shipped > CURRENT ? "O" : "F", date[shipped], date[committed],
                date[received], WORD (instructions, p->rng),
                WORD (modes, p->rng), text);
  o->price += (int64_t) price * (100 - discount) * (100 + tax);
  o->open += shipped > CURRENT;
}

/* A third of the customers never orders.  Of 32 keys eight are used. */
static void
load_orders (struct population *p)
{
  sqlite3_stmt *orders = sql_load_prepare (p->l, "orders", 9);
  sqlite3_stmt *lines = sql_load_prepare (p->l, "lineitem", 16);
  int clerks = p->suppliers / 10 + 1, i, n, customer;
  char clerk[20], text[LONGEST];

  for (i = 0; i < p->orders && p->l->rc == SQLITE_OK; i++)
    {
      struct order o = { .key = i / 8 * 32 + i % 8 + 1,
                         .day = uniform (p, 0, LAST_ORDER),
                         .lines = uniform (p, 1, 7) };

      do
        customer = uniform (p, 1, p->customers);
      while (customer % 3 == 0);
      for (n = 1; n <= o.lines; n++)
        load_line (p, lines, &o, n);
      snprintf (clerk, sizeof clerk, "Clerk#%09d", uniform (p, 1, clerks));
      comment (p->rng, text, 19, 78);
      sql_load_row (p->l, orders, "iislsssis", o.key, customer,
                    o.open == 0 ? "F" : o.open == o.lines ? "O" : "P",
                    o.price / 10000, date[o.day], WORD (priorities, p->rng),
                    clerk, 0, text);
    }
  sqlite3_finalize (orders);
  sqlite3_finalize (lines);
}

int
tpch_load (struct loader *l)
{
  const struct tpch *tpch = l->sql->own;
  struct population p = { .l = l, .rng = &l->rng,
                          .suppliers = scaled (tpch, 10000),
                          .parts = scaled (tpch, 200000),
                          .customers = scaled (tpch, 150000),
                          .orders = scaled (tpch, 1500000) };

  make_dates ();
  l->rc = sql_db_exec (l->db, "%s", tables);
  load_places (&p);
  load_suppliers (&p);
  load_customers (&p);
  load_parts (&p);
  load_partsupps (&p);
  load_orders (&p);
  if (l->rc == SQLITE_OK)
    l->rc = sql_db_exec (l->db, "%s", indexes);
  if (l->rc != SQLITE_OK)
    return l->rc;
  return sql_db_exec (l->db, "INSERT INTO oriel_tpch VALUES"
                      " ('version', 1), ('millionths', %ld)",
                      lround (tpch->scale * 1e6));
}
