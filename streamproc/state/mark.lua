#!lua flags=allow-oom
-- Writes which commit the relay is about to send, if the caller still owns the shard and this server has the commit: the
-- relay may have read it from another, before a failover. It is a write, so a WAIT on the same connection then covers
-- all commits before it. It runs without memory left, or the outbox could not drain.
--
-- KEYS  1 head (hash)   2 relayed (string)
-- ARGV  1 epoch   2 owner   3 seq of the commit
--
-- Returns {"ok"}, or before any write {"superseded", field, stored}.

local stored = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'seq')
if stored[1] ~= ARGV[1] then return {'superseded', 'epoch', stored[1] or ''} end
if stored[2] ~= ARGV[2] then return {'superseded', 'owner', stored[2] or ''} end
if tonumber(stored[3]) < tonumber(ARGV[3]) then return {'superseded', 'seq', stored[3]} end
redis.call('SET', KEYS[2], ARGV[3])
return {'ok'}
