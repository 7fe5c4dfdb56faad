#!lua flags=allow-oom
-- Removes the outbox entries that Kafka has acknowledged, if the caller still owns the shard.
-- It frees memory, so it runs when there is none left (allow-oom).
--
-- KEYS  1 head (hash)   2 outbox (stream)
-- ARGV  1 epoch   2 owner   3 id of the first entry to keep
--
-- Returns {"ok", removed}, or before any write {"superseded", field, stored}. The owner matters: after Redis
-- went back in time, a later commit uses the same entry ids again, for other records.

local stored = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
if stored[1] ~= ARGV[1] then return {'superseded', 'epoch', stored[1] or ''} end
if stored[2] ~= ARGV[2] then return {'superseded', 'owner', stored[2] or ''} end
return {'ok', redis.call('XTRIM', KEYS[2], 'MINID', '=', ARGV[3])}
