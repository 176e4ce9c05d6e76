"""A fleet of any size in a database, by direct inserts with the project's own schema: what an hour
of check-ins would leave, in seconds. The rows are a fleet of everyday: three products, twelve
releases of each, a rollout behind each release but the first; all devices have been through the
last two, one in a hundred failed in one, and one in fifty holds a staged file."""
import sqlite3
import time

PRODUCTS, RELEASES, MEMBERS_EACH = 3, 12, 2
NOW_S = int(time.time())

CATALOGUE = """
insert into products (org, name, product_id, open, created)
  select o.org, 'product-' || n.n, randomblob(16), 0, :now from numbers n, orgs o
  where n.n <= {products};
insert into releases (org, product, version, counter, frozen, created, is_taken)
  select p.org, p.id, '1.' || n.n || '.0', 0, 1, :now, 1 from products p, numbers n
  where n.n <= {releases} order by n.n, p.id;
insert into images (org, release, chip_id, revision_min, revision_max, hardware_mask,
    secure_version, image_sha256, file_sha256, file_size, keys_count, keys)
  select org, id, 5, 0, 65535, 4294967295, 0, randomblob(32), randomblob(32), 900000, 1,
    zeroblob(96) from releases order by id;
insert into files (file_sha256, org, image, size, created)
  select file_sha256, org, id, file_size, :now from images order by id;
insert into rollouts (org, release, is_targeted, created)
  select r.org, r.id, 0, :now - 86400 * (100 - r.id) from releases r
  where r.version <> '1.1.0' order by r.id;
"""

DEVICES = """
insert into devices (org, device_id, token_sha256, product, created, last_seen, outcome_id,
    outcome_stage, outcome_file, known_image, agent_version, project, version, idf_version, slot,
    image_sha256, file_sha256, staged_file_sha256, chip_id, chip_revision, flash_size, slot_size,
    free_heap, checkins, boots, fresh_age, reset, deploy_keys, id_text)
  select p.org, device_id(n.n), randomblob(32), p.id,
    :now - 9000000, :now - abs(random() % 3600), 2, 6, i.file_sha256, i.image_sha256, '0.2.0',
    p.name, r.version, 'v5.1.2', 'ota_' || (n.n & 1), i.image_sha256, i.file_sha256,
    case n.n % 50 when 0 then (select max(file_sha256) from files) else zeroblob(32) end,
    5, 4, 4194304, 1966080, 100000 + n.n % 50000, n.n % 100000, n.n % 90, 60, 1,
    substr(i.file_sha256, 1, 16), lower(hex(substr(device_id(n.n), 1, 6)))
  from numbers n
  join products p on p.id = 1 + n.n % {products}
  join releases r on r.product = p.id and r.version = '1.{releases}.0'
  join images i on i.release = r.id
  where n.n <= :count;
"""

MEMBERS = """
insert into members (org, rollout, device, offer_number, state, reason)
  select d.org, o.id, d.id, d.id, case when d.id % 100 = 0 then 3 else 2 end, 0
  from rollouts o join releases r on r.id = o.release join devices d on d.product = r.product
  where r.id > (select max(id) from releases) - {products} * {members}
  order by o.id, d.id;
insert into failed_images (org, device, image_sha256)
  select org, id, randomblob(32) from devices where id % 100 = 0;
insert into events (org, device, time, kind, stage, reason, version, detail)
  select org, id, :now - 9000000, 0, 0, 0, '1.1.0', '' from devices;
"""


def unlisted(database):
    """The statements that make the indexes again which slow a great insert; they are dropped."""
    made = database.execute("select name, sql from sqlite_master where type = 'index'"
                            " and sql is not null").fetchall()
    for name, _ in made:
        database.execute(f"drop index {name}")
    return [sql for _, sql in made]


def device_id(number):
    return b"\x02" + number.to_bytes(5, "big") + bytes(10)


def fill(path, count, org="default"):
    """Into a database that godwit has made and does not serve from."""
    sizes = {"products": PRODUCTS, "releases": RELEASES, "members": MEMBERS_EACH}
    database = sqlite3.connect(path, isolation_level=None)
    database.create_function("device_id", 1, device_id, deterministic=True)
    database.executescript("pragma synchronous = off; pragma cache_size = -200000;"
                           "pragma temp_store = memory;")
    database.execute("begin")
    indexes = unlisted(database)
    database.execute("create temp table orgs as select ? as org", (org,))
    database.execute("create temp table numbers as with recursive n(n) as (select 1 union all"
                     " select n + 1 from n where n < ?) select n from n", (max(count, 100),))
    for statement in (CATALOGUE + DEVICES + MEMBERS).format(**sizes).split(";\n"):
        if statement.strip():
            known = {"now": NOW_S, "count": count}
            database.execute(statement, {name: value for name, value in known.items()
                                         if f":{name}" in statement})
    for sql in indexes:
        database.execute(sql)
    database.execute("delete from sweeps")  # whose server may have swept while there was nothing
    database.execute("commit")
    database.execute("pragma wal_checkpoint(truncate)")
    database.close()
