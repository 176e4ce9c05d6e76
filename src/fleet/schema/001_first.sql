-- The first schema. Every table carries org; ids and digests are blobs, times Unix seconds. An id is
-- never given twice, also after its row went: devices and people have been told of it.

create table products (
    id integer primary key autoincrement,
    org text not null,
    name text not null,
    product_id blob not null,
    open integer not null,
    created integer not null,
    unique (org, name)
);

create table image_keys (
    org text not null,
    product integer not null references products (id),
    key_digest blob not null,
    primary key (product, key_digest)
);

create table releases (
    id integer primary key autoincrement,
    org text not null,
    product integer not null references products (id),
    version text not null,
    counter integer not null,
    frozen integer not null default 0,
    created integer not null,
    unique (product, version, counter)
);

create table images (
    id integer primary key autoincrement,
    org text not null,
    release integer not null references releases (id),
    chip_id integer not null,
    revision_min integer not null,
    revision_max integer not null,
    hardware_mask integer not null,
    secure_version integer not null,
    image_sha256 blob not null,
    file_sha256 blob not null,
    file_size integer not null,
    policy blob, -- P1, 328 bytes; null: none
    keys blob, -- 3 x 32, zero after the last
    keys_count integer not null default -1, -- -1: not looked at
    project text not null default '',
    block_revision_min integer not null default 0,
    block_revision_max integer not null default 0,
    flash_size integer not null default 0,
    flash_mode integer not null default 0,
    mmu_page_log2 integer not null default 0,
    unique (release, chip_id, revision_min, revision_max, hardware_mask)
);

-- Each file of a release that went out, and the present ones of drafts; several can hold one image
-- (other signatures).
create table files (
    file_sha256 blob not null,
    org text not null,
    image integer not null references images (id),
    size integer not null,
    created integer not null,
    primary key (org, file_sha256)
);

create table rollouts (
    id integer primary key autoincrement,
    org text not null,
    release integer not null references releases (id),
    is_targeted integer not null,
    created integer not null,
    allow_downgrade integer not null default 0,
    again integer not null default 0 -- a failed image is offered again
);

create table devices (
    id integer primary key autoincrement,
    org text not null,
    device_id blob not null,
    token_sha256 blob not null,
    has_conflict integer not null default 0,
    product integer not null references products (id),
    created integer not null,
    last_seen integer not null,
    outcome_id integer not null default 0,
    outcome_stage integer not null default 0,
    outcome_reason integer not null default 0,
    outcome_file blob,
    known_image blob,
    agent_version text not null default '',
    project text not null default '',
    version text not null default '',
    idf_version text not null default '',
    slot text not null default '',
    image_sha256 blob,
    file_sha256 blob,
    staged_file_sha256 blob,
    counter integer not null default 0,
    progress integer not null default 0,
    chip_id integer not null default 0,
    chip_revision integer not null default 0,
    flash_size integer not null default 0,
    slot_size integer not null default 0,
    free_heap integer not null default 0,
    secure_version integer not null default 0,
    hardware_revision integer not null default 0,
    checkins integer not null default 0,
    boots integer not null default 0,
    fresh_age integer not null default 0,
    reset integer not null default 0,
    on_trial integer not null default 0,
    rollback_floor integer not null default 0,
    deploy_keys blob,
    unwatched integer not null default 0,
    not_offered_rollout integer not null default 0, -- its history says why; 0: none
    events_total integer not null default 0, -- lines that its history ever had
    outcome_detail text not null default '', -- what it said of its last outcome
    block_revision integer not null default 0,
    no_max_revision integer not null default 0,
    no_max_block_revision integer not null default 0,
    flash_mode integer not null default 0,
    mmu_page_log2 integer not null default 0,
    unique (org, device_id),
    unique (org, token_sha256)
);

-- One device in one rollout: on its list, or offered it.
create table members (
    org text not null,
    rollout integer not null references rollouts (id),
    device integer not null references devices (id),
    offer_number integer not null,
    state integer not null,
    reason integer not null default 0,
    primary key (rollout, device)
);

-- The loop guard: images that failed on a device are not offered to it again.
create table failed_images (
    id integer primary key autoincrement,
    org text not null,
    device integer not null references devices (id),
    image_sha256 blob not null,
    unique (device, image_sha256)
);

create table events (
    id integer primary key autoincrement,
    org text not null,
    device integer not null references devices (id),
    time integer not null,
    kind integer not null,
    stage integer not null,
    reason integer not null,
    version text not null,
    detail text not null
);
create index events_by_device on events (device, id);

create table claims (
    org text not null,
    claim_sha256 blob not null,
    product integer not null references products (id),
    count_max integer not null,
    used_count integer not null default 0,
    created integer not null,
    primary key (org, claim_sha256)
);

create table users (
    org text not null,
    name text not null,
    password_hash text not null,
    created integer not null,
    primary key (org, name)
);

create table tokens (
    org text not null,
    token_sha256 blob not null,
    user_name text not null,
    created integer not null,
    expires integer not null,
    primary key (org, token_sha256)
);

-- The highest sequence an instruction may carry; committed one minute ahead.
create table sequence_mark (
    org text primary key,
    mark integer not null
);

-- Tokens that ask to join under an id that another token holds; an operator lets one in, or not.
create table pending_tokens (
    id integer primary key autoincrement,
    org text not null,
    device integer not null references devices (id),
    product integer not null references products (id),
    token_sha256 blob not null,
    requested integer not null,
    version text not null,
    claim_sha256 blob, -- it came with
    is_rejected integer not null default 0,
    unique (device, token_sha256)
);
