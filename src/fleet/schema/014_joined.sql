-- Who joined lately is found without reading all devices.
create index devices_by_joined on devices (org, created, id);
