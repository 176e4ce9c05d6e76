-- The project that the image's descriptor names, where the product is called otherwise; '': it is not.

alter table images add column project text not null default '';
