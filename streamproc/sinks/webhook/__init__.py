"""Signals by signed POSTs, after Standard Webhooks: https://www.standardwebhooks.com"""
