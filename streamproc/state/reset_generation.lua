#!lua flags=allow-oom
-- Forgets the consumer group's generation, so that a group that was deleted and made anew can acquire.
--
-- KEYS  1 head (hash)
-- Returns 1, or 0 if there is no head.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'generation', '0')
return 1
