-- Calls the system while the file is loaded.
-- rejected: 'os' is not available in a rule file
os.remove("/tmp/x")
