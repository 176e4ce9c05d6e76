-- Places from which a user has logged in: an address, or a browser or command line by a secret of its
-- own. A place lets nobody in; its passwords are checked apart from those from unknown places.
create table login_places (
    org text not null, -- of the user's home
    user_name text not null,
    kind text not null, -- 'device' or 'address'
    place_sha256 blob not null,
    used integer not null, -- last, to the hour
    primary key (user_name, place_sha256)
);
