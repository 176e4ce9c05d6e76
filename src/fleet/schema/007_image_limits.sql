-- What else of a chip and its flash an image asks for, and devices report.

alter table images add column block_revision_min integer not null default 0;
alter table images add column block_revision_max integer not null default 0;
alter table images add column flash_size integer not null default 0;
alter table images add column flash_mode integer not null default 0;
alter table images add column mmu_page_log2 integer not null default 0;
alter table devices add column block_revision integer not null default 0;
alter table devices add column no_max_revision integer not null default 0;
alter table devices add column no_max_block_revision integer not null default 0;
alter table devices add column flash_mode integer not null default 0;
alter table devices add column mmu_page_log2 integer not null default 0;
