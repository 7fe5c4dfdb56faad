#!lua flags=allow-oom
-- Writes how far the relay has come, if the caller still owns the shard. What counts is that it is a write: a WAIT on
-- the same connection then covers all commits before it. It runs without memory left, or the outbox could not drain.
--
-- KEYS  1 head (hash)   2 relayed (string)
-- ARGV  1 epoch   2 owner   3 seq
--
-- Returns {"ok"}, or before any write {"superseded", field, stored}.

local stored = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
if stored[1] ~= ARGV[1] then return {'superseded', 'epoch', stored[1] or ''} end
if stored[2] ~= ARGV[2] then return {'superseded', 'owner', stored[2] or ''} end
redis.call('SET', KEYS[2], ARGV[3])
return {'ok'}
